//! The API over real sockets, on a real store, with attempts that end when the test says so.

mod access;
mod bed;
mod check;
mod estimates;
mod feed;
mod filters;
mod jobs;
mod labels;
mod large;
mod pushes;
mod refusals;
mod routes;
mod shared;
mod socket;
mod stats;
mod status;
mod timeline;
mod wait;
mod workers;
