//! Parameters that say their types, so that a statement can be asked without being prepared.

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A parameter beside its type.
pub(super) type Pair<'a> = (&'a (dyn ToSql + Sync), Type);

/// What a question is asked with.
pub(super) type Asks<'a> = &'a [&'a dyn Typed];

/// A value of which the type is known.
pub(super) trait Typed: Sync {
    /// It, and what PostgreSQL takes it for.
    fn typed(&self) -> Pair<'_>;
}

macro_rules! typed {
    ($($value:ty: $name:ident),*) => {
        $(impl Typed for $value {
            fn typed(&self) -> Pair<'_> {
                (self, Type::$name)
            }
        })*
    };
}

typed!(i64: INT8, Option<i64>: INT8, bool: BOOL, &str: TEXT, Option<&str>: TEXT, String: TEXT, Uuid: UUID, &[u8]: BYTEA, Vec<i64>: INT8_ARRAY,
       Vec<Uuid>: UUID_ARRAY);

/// All of them with their types.
pub(super) fn typed(parameters: Asks<'_>) -> Vec<Pair<'_>> {
    parameters.iter().map(|parameter| parameter.typed()).collect()
}

/// The values alone, for a statement that knows their types.
pub(super) fn untyped(parameters: Asks<'_>) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|parameter| parameter.typed().0).collect()
}
