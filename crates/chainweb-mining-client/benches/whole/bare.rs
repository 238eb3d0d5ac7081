//! The reference: a server that writes one line to each of its connections for each line that it
//! reads, and does nothing else. It is a process of its own, as the client is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::lines::Lines;

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "--bare-server";

const PATIENCE: Duration = Duration::from_secs(10);

/// Serves this number of connections, with lines of this length, until the first one ends.
pub(crate) fn serve(connections: usize, bytes: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let mut streams: Vec<TcpStream> = listener
        .incoming()
        .take(connections)
        .collect::<Result<_, _>>()?;
    for stream in &streams {
        stream.set_nodelay(true)?;
    }
    let mut line = vec![b'.'; bytes];
    line.push(b'\n');
    let mut request = [0; 1024];
    while streams[0].read(&mut request)? > 0 {
        for stream in &mut streams {
            stream.write_all(&line)?;
        }
    }
    Ok(())
}

/// Returns the times from a line to the server to its last line back, over all connections.
pub(crate) fn exchanges(
    connections: usize,
    bytes: usize,
    count: usize,
) -> anyhow::Result<Vec<Duration>> {
    let mut server = Command::new(std::env::current_exe()?)
        .args([SERVE, &connections.to_string(), &bytes.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    let output = server.stdout.take().context("the output is a pipe")?;
    BufReader::new(output).read_line(&mut address)?;
    let address: SocketAddr = address.trim().parse()?;
    let mut lines = Lines::new()?;
    for _ in 0..connections {
        lines.add(TcpStream::connect(address)?)?;
    }
    // As long as a share.
    let request = [&[b'.'; 80][..], b"\n"].concat();
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        lines.write(0, &request)?;
        let (mut arrived, mut last) = (0, start);
        while arrived < connections {
            ensure!(
                start.elapsed() < PATIENCE,
                "the bare server does not answer"
            );
            lines.poll(start + PATIENCE, |_, at, _| {
                (arrived, last) = (arrived + 1, at);
            })?;
        }
        times.push(last - start);
    }
    drop(lines);
    server.wait()?;
    Ok(times)
}
