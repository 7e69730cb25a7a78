//! The store's contract, tried on each backend by name: another backend adds one line below.

mod accept;
mod attempts;
mod batches;
pub(crate) mod bed;
mod cancels;
mod claims;
mod commits;
mod contract;
mod ends;
mod filters;
pub(crate) mod fleet;
mod import;
mod keep;
mod lists;
mod model;
mod outage;
mod plans;
mod pooler;
mod postgres;
mod queues;
mod sqlite;
mod tls;
mod tokens;
mod uploads;
mod workers;

mod on_sqlite {
    super::contract::honours_the_contract!(super::sqlite::open);
}

mod on_postgres {
    super::contract::honours_the_contract!(super::postgres::open);
}

mod behind_a_pooler {
    super::contract::honours_the_contract!(super::pooler::open);
}
