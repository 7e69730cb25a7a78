//! The API over real sockets, on a real store, with attempts that end when the test says so.

mod bed;
mod feed;
mod jobs;
mod labels;
mod refusals;
mod routes;
mod socket;
mod status;
