// How the form library draws fields: plain elements with words instead of icons, and problems tied to their field.

import getDefaultRegistry from "@rjsf/core/lib/getDefaultRegistry.js";
import {
  type ArrayFieldItemTemplateProps,
  type ArrayFieldTemplateProps,
  type BaseInputTemplateProps,
  buttonId,
  canExpand,
  descriptionId,
  errorId,
  type FieldErrorProps,
  type FieldTemplateProps,
  type IconButtonProps,
  type ObjectFieldTemplateProps,
  type RJSFSchema,
  type TemplatesType,
  type WidgetProps,
} from "@rjsf/utils";
import type { ComponentType, ReactNode } from "react";

type Data = unknown;

const registry = getDefaultRegistry<Data, RJSFSchema>();
const defaults = registry.templates;
const DefaultSelect = registry.widgets.SelectWidget as ComponentType<WidgetProps<Data, RJSFSchema>>;
const DefaultCheckbox = registry.widgets.CheckboxWidget as ComponentType<WidgetProps<Data, RJSFSchema>>;

function FieldTemplate(props: FieldTemplateProps<Data>) {
  const { id, label, required, hidden, displayLabel, rawDescription, rawErrors, errors, help, children } =
    props;
  if (hidden) {
    return <div hidden>{children}</div>;
  }
  return (
    <div className={rawErrors !== undefined && rawErrors.length > 0 ? "field field-wrong" : "field"}>
      {displayLabel && (
        <label htmlFor={id}>
          {label}
          {required && <span className="note"> (required)</span>}
        </label>
      )}
      {displayLabel && rawDescription !== undefined && rawDescription !== "" && (
        <p className="note" id={descriptionId(id)}>
          {rawDescription}
        </p>
      )}
      {children}
      {errors}
      {help}
    </div>
  );
}

function FieldErrorTemplate({ errors, fieldPathId }: FieldErrorProps<Data>) {
  if (errors === undefined || errors.length === 0) {
    return null;
  }
  return (
    <ul className="field-problems" id={errorId(fieldPathId)}>
      {errors.map((error, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two problems of one field may read the same.
        <li key={index}>{error}</li>
      ))}
    </ul>
  );
}

function BaseInputTemplate(props: BaseInputTemplateProps<Data, RJSFSchema>) {
  const isWrong = (props.rawErrors?.length ?? 0) > 0;
  return <defaults.BaseInputTemplate {...props} aria-invalid={isWrong || undefined} />;
}

function ObjectFieldTemplate(props: ObjectFieldTemplateProps<Data>) {
  const {
    fieldPathId,
    title,
    description,
    properties,
    required,
    schema,
    uiSchema,
    formData,
    optionalDataControl,
  } = props;
  const fields = (
    <>
      {properties.map((property) => property.content)}
      {canExpand(schema, uiSchema, formData) && (
        <button type="button" id={buttonId(fieldPathId, "add")} onClick={props.onAddProperty}>
          Add an argument
        </button>
      )}
    </>
  );
  if (fieldPathId.path.length === 0) {
    return fields;
  }
  return (
    <fieldset className="group">
      <Legend title={title} required={required} />
      <Description text={description} />
      {optionalDataControl}
      {fields}
    </fieldset>
  );
}

function ArrayFieldTemplate(props: ArrayFieldTemplateProps<Data>) {
  const {
    fieldPathId,
    title,
    schema,
    items,
    canAdd,
    required,
    disabled,
    readonly,
    onAddClick,
    optionalDataControl,
  } = props;
  return (
    <fieldset className="group" id={fieldPathId.$id}>
      <Legend title={title} required={required} />
      <Description text={schema.description} />
      {optionalDataControl}
      {items}
      {canAdd && (
        <button
          type="button"
          id={buttonId(fieldPathId, "add")}
          disabled={disabled || readonly}
          onClick={onAddClick}
        >
          Add an item
        </button>
      )}
    </fieldset>
  );
}

function ArrayFieldItemTemplate({
  children,
  hasToolbar,
  buttonsProps,
  index,
  disabled,
}: ArrayFieldItemTemplateProps<Data>) {
  return (
    <div className="item">
      {children}
      {hasToolbar && buttonsProps.hasRemove && (
        <button type="button" disabled={disabled} onClick={buttonsProps.onRemoveItem}>
          Remove item {index + 1}
        </button>
      )}
    </div>
  );
}

function Legend({ title, required }: { title: string; required: boolean | undefined }) {
  return (
    <legend>
      {title}
      {required && <span className="note"> (required)</span>}
    </legend>
  );
}

function Description({ text }: { text: ReactNode }) {
  return text === undefined || text === "" ? null : <p className="note">{text}</p>;
}

function RemoveButton({ id, onClick, disabled }: IconButtonProps<Data>) {
  return (
    <button type="button" id={id} disabled={disabled} onClick={onClick}>
      Remove
    </button>
  );
}

/**
 * Where the schema has a default, the library leaves out the choice of nothing, and the browser then shows the first
 * choice of all though nothing is sent. What is not given is shown as that.
 */
function SelectWidget(props: WidgetProps<Data, RJSFSchema>) {
  const { default: preset, ...schema } = props.schema;
  if (props.required || props.multiple || preset === undefined) {
    return <DefaultSelect {...props} />;
  }
  return <DefaultSelect {...props} schema={schema} placeholder={`not given (default: ${String(preset)})`} />;
}

/**
 * A box has two states, and an empty one looks like `false` though nothing is sent and the default may be `true`. Where it
 * need not be given and has a default there are three choices.
 */
function CheckboxWidget(props: WidgetProps<Data, RJSFSchema>) {
  const { id, label, hideLabel, schema, options, required } = props;
  if (required || schema.default === undefined) {
    return <DefaultCheckbox {...props} />;
  }
  const { enumOptions = [] } = options;
  const named = Array.isArray(schema.oneOf)
    ? enumOptions
    : enumOptions.map((one) => ({ ...one, label: String(one.value) }));
  return (
    <>
      {!hideLabel && <label htmlFor={id}>{label}</label>}
      {schema.description !== undefined && schema.description !== "" && (
        <p className="note" id={descriptionId(id)}>
          {schema.description}
        </p>
      )}
      <SelectWidget {...props} options={{ ...options, enumOptions: named }} />
    </>
  );
}

export const widgets = { CheckboxWidget, SelectWidget };

export const templates: Partial<Omit<TemplatesType<Data>, "ButtonTemplates">> & {
  ButtonTemplates: Partial<TemplatesType<Data>["ButtonTemplates"]>;
} = {
  FieldTemplate,
  FieldErrorTemplate,
  BaseInputTemplate,
  ObjectFieldTemplate,
  ArrayFieldTemplate,
  ArrayFieldItemTemplate,
  ButtonTemplates: { RemoveButton },
};
