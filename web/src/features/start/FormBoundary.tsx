// A schema that the form library fails on must not take the page with it: the arguments can still be given as JSON.

import { Component, type ReactNode } from "react";

interface Props {
  children: ReactNode;
  onFailed(): void;
}

export class FormBoundary extends Component<Props, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    return this.state.hasFailed ? (
      <div className="problem" role="alert">
        <p>No form can be made of this kind's schema.</p>
        <button type="button" onClick={this.props.onFailed}>
          Give the arguments as JSON
        </button>
      </div>
    ) : (
      this.props.children
    );
  }
}
