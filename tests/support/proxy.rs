//! A network before a PostgreSQL, which a test cuts at the statement that it names.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What it does with what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Lets all pass.
    Open,
    /// Loses the connection at the first statement with this text, and then lets all pass.
    Cut { at: &'static str, server: Side },
    /// Lets all pass, and notes the first statement with this text.
    Watch { at: &'static str },
    /// Loses the connection there, and then lets nobody through.
    CutForGood { at: &'static str },
    /// The same, but the server is not told: to it the connection is there, and says nothing.
    Hush { at: &'static str },
    /// Loses what the client says from there on, and lets it hear what the server says, until that ends it.
    Deafen { at: &'static str },
    /// Lets nobody through.
    Closed,
}

/// What the server hears of a statement at which the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Only that the connection is gone.
    HearsNothing,
    /// Not even that.
    WaitsForMore,
    /// The statement, and it does it.
    DoesIt,
}

/// The network.
pub(crate) struct Proxy {
    port: u16,
    way: Arc<watch::Sender<Way>>,
}

impl Proxy {
    /// One before the server at this port of the loopback, open.
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    pub(crate) async fn before(port: u16) -> Self {
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let ways = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *ways.borrow() != Way::Closed {
                    tokio::spawn(join(client, to, Arc::clone(&ways)));
                }
            }
        });
        Self { port, way }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Goes this way from now on.
    pub(crate) fn go(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Waits until the statement has come.
    pub(crate) async fn has_come(&self) {
        let cut = |way: &Way| matches!(way, Way::Open | Way::Closed);
        self.way.subscribe().wait_for(cut).await.unwrap();
    }
}

/// Carries what both say, until one of them or the network ends it.
async fn join(mut client: TcpStream, to: SocketAddr, way: Arc<watch::Sender<Way>>) {
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                let now = *way.borrow();
                let (at, side, then) = match now {
                    Way::Cut { at, server } => (at, server, Way::Open),
                    Way::Watch { at } => (at, Side::DoesIt, Way::Open),
                    Way::CutForGood { at } => (at, Side::HearsNothing, Way::Closed),
                    Way::Hush { at } => (at, Side::WaitsForMore, Way::Closed),
                    Way::Deafen { at } => (at, Side::WaitsForMore, Way::Open),
                    Way::Open | Way::Closed => ("", Side::HearsNothing, now),
                };
                if then != now && asked[..read].windows(at.len()).any(|text| text == at.as_bytes()) {
                    if side == Side::DoesIt {
                        server.write_all(&asked[..read]).await.unwrap();
                    }
                    if let Way::Watch { .. } = now {
                        way.send_replace(then);
                        continue;
                    }
                    if side == Side::DoesIt {
                        server.readable().await.unwrap();
                    }
                    way.send_replace(then);
                    if let Way::Deafen { .. } = now {
                        drop(tokio::io::copy(&mut server, &mut client).await);
                        return;
                    }
                    drop(client);
                    if side == Side::WaitsForMore {
                        std::future::pending::<()>().await;
                    }
                    return;
                }
                if server.write_all(&asked[..read]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                if client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
