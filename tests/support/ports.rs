//! Ports that a test may let go and take again: the kernel gives them to nobody who asks for any.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// The first, and how many. The kernel's own begin at 32768 (`ip_local_port_range` of ip(7)).
const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// A port of the loopback that is free and was not given before. Several runs on one machine begin at different ones.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let number = base.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} on is free");
}
