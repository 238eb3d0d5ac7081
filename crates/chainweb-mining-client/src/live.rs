//! The live area: on a terminal, the latest figures stay below the log, and keys print more.
//!
//! A thread of its own reads keys and signals and passes rows to the thread of the log, which alone
//! writes. It uses the terminal only in the foreground, and restores it at the end of the program,
//! before a stop (Ctrl-Z), before a signal that ends the process, and in a panic.

mod area;
mod details;
mod terminal;
#[cfg(test)]
mod tests;

use std::io::{self, stdin};
use std::os::unix::net::UnixStream;
use std::panic;
use std::sync::{Arc, Once};
use std::thread::{self, JoinHandle};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use miner::telemetry::Snapshot;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::{SIGALRM, SIGCONT, SIGQUIT, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::backend::{Handle, SignalDelivery};
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::watch;
use tracing::{info, warn};

use self::area::{Pause, area};
use crate::exit::QUIT_LIMIT;
use crate::logging::{self, LogArgs, LogFilter, LogFormat, LogLevel, Summaries};
use crate::platform::is_ignored;

/// The state of the engine, once it runs.
type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// The time between two drawings.
const TICK: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// The signals that stop, continue or end the process, or report another size of the terminal.
const SIGNALS: [i32; 7] = [
    SIGTSTP, SIGCONT, SIGWINCH, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM,
];

const ESCAPE: u8 = b'\x1b';

/// What the live area needs of the log.
#[derive(Clone, Debug)]
pub struct Setup {
    filter: LogFilter,
    args: LogArgs,
    simnet: LogLevel,
}

impl Setup {
    /// Returns `None` if the terminal cannot be used or its use is not wanted: then there are
    /// plain lines only. `simnet` is the level of the simulated network.
    pub fn new(filter: &LogFilter, args: LogArgs, simnet: LogLevel) -> Option<Self> {
        let is_wanted = !args.no_live
            && args.log_format == LogFormat::Plain
            && args.log_level != LogLevel::Quiet;
        (is_wanted && terminal::is_usable()).then(|| Self {
            filter: filter.clone(),
            args,
            simnet,
        })
    }

    /// Shows the live area until the returned value is dropped. `pause` pauses hashing. Without
    /// signals or threads there is a warning, and no live area.
    pub(crate) fn start(
        &self,
        snapshots: Snapshots,
        pause: Option<watch::Sender<bool>>,
    ) -> Option<Live> {
        let live = Live::start(self.clone(), snapshots, pause);
        if let Err(error) = &live {
            warn!(event = "live_failed", %error, "no live figures below the log");
        }
        live.ok()
    }

    fn apply(&self, summaries: Summaries) {
        self.filter.set(self.args, self.simnet, summaries);
    }
}

/// The live area. Dropping it restores the terminal.
#[derive(Debug)]
pub(crate) struct Live {
    end: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    fn start(
        setup: Setup,
        snapshots: Snapshots,
        pause: Option<watch::Sender<bool>>,
    ) -> io::Result<Self> {
        restore_in_panics();
        let (read, write) = UnixStream::pair()?;
        let signals = SIGNALS.iter().filter(|signal| !is_ignored(**signal));
        let signals = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
        let end = signals.handle();
        let watch = Watch {
            setup,
            snapshots,
            pause,
            signals,
            is_shown: false,
            is_stopping: false,
            has_input: true,
        };
        let thread = thread::Builder::new().name("terminal".to_owned());
        Ok(Self {
            end,
            thread: Some(thread.spawn(move || watch.run())?),
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported.
            thread.join().ok();
        }
    }
}

/// The state of the thread.
struct Watch {
    setup: Setup,
    snapshots: Snapshots,
    pause: Option<watch::Sender<bool>>,
    signals: SignalDelivery<UnixStream, SignalOnly>,
    /// Whether the terminal is in use.
    is_shown: bool,
    /// From a stop on, until the process is continued.
    is_stopping: bool,
    /// Whether the terminal can still be read.
    has_input: bool,
}

impl Watch {
    fn run(mut self) {
        let end = self.signals.handle();
        while !end.is_closed() {
            let signals: Vec<i32> = self.signals.pending().collect();
            for signal in signals {
                self.note(signal);
            }
            match (terminal::is_foreground(), self.is_shown) {
                _ if self.is_stopping => {}
                (true, _) => self.show(),
                (false, true) => {
                    logging::forget();
                    self.leave();
                }
                (false, false) => {}
            }
            self.wait();
        }
        self.hide();
    }

    fn note(&mut self, signal: i32) {
        match signal {
            SIGWINCH => {}
            SIGTSTP if !terminal::can_be_continued() => {}
            SIGCONT => {
                // The shell has written to the terminal.
                logging::forget();
                self.is_stopping = false;
            }
            _ => {
                self.hide();
                self.is_stopping = signal == SIGTSTP;
                emulate_default_handler(signal).ok();
            }
        }
    }

    /// Waits for a key or a signal, until the next drawing at the latest.
    fn wait(&mut self) {
        let input = stdin();
        let mut sources = vec![PollFd::new(self.signals.get_read(), PollFlags::IN)];
        if self.is_shown && self.has_input {
            sources.push(PollFd::new(&input, PollFlags::IN));
        }
        poll(&mut sources, Some(&TICK)).ok();
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if let Some(input) = sources.get(1)
            && input.revents().intersects(gone)
        {
            self.has_input = false;
        }
    }

    /// Reads keys, and draws.
    fn show(&mut self) {
        if !self.is_shown {
            self.setup.apply(Summaries::Live);
            self.is_shown = true;
        }
        terminal::take_keys();
        if self.has_input {
            let mut keys = [0; 64];
            let length = rustix::io::read(stdin(), &mut keys).unwrap_or(0);
            let mut keys = keys[..length].iter().copied();
            while let Some(key) = keys.next() {
                match key {
                    ESCAPE => skip_code(&mut keys),
                    _ => self.press(key),
                }
            }
        }
        let (columns, rows) = terminal::size();
        let snapshot = self.snapshots.borrow().clone();
        let mut area = area(snapshot.as_deref(), self.pause(), columns);
        // The log needs a row too.
        area.rows.truncate(usize::from(rows.saturating_sub(1)));
        logging::show(area);
    }

    /// Erases the area, and restores the terminal.
    fn hide(&mut self) {
        if self.is_shown {
            logging::close(QUIT_LIMIT);
            self.leave();
        }
    }

    fn leave(&mut self) {
        terminal::give_back();
        self.setup.apply(Summaries::Logged);
        self.is_shown = false;
    }

    fn pause(&self) -> Pause {
        match &self.pause {
            None => Pause::Never,
            Some(pause) if *pause.borrow() => Pause::On,
            Some(_) => Pause::Off,
        }
    }

    fn press(&mut self, key: u8) {
        let key = key.to_ascii_lowercase();
        match key {
            b'l' => return self.change_level(),
            b'p' => return self.change_pause(),
            b'q' => return terminate(),
            _ => {}
        }
        let Some(snapshot) = self.snapshots.borrow().clone() else {
            return;
        };
        let columns = usize::from(terminal::size().0) - 1;
        let lines = match key {
            b'h' => details::rates(&snapshot, columns),
            b'd' => details::devices(&snapshot, columns),
            b'b' => details::blocks(&snapshot, columns),
            b'n' => details::nodes(&snapshot, columns),
            b'j' => details::jobs(&snapshot, columns),
            b'?' => details::help(&snapshot, self.pause()),
            _ => return,
        };
        logging::print(&lines.join("\n"));
    }

    /// Changes to the next level, and from the last to the first.
    fn change_level(&mut self) {
        let level = match self.setup.args.log_level {
            LogLevel::Quiet | LogLevel::Trace => LogLevel::Error,
            LogLevel::Error => LogLevel::Warn,
            LogLevel::Warn => LogLevel::Info,
            LogLevel::Info => LogLevel::Debug,
            LogLevel::Debug => LogLevel::Trace,
        };
        self.setup.args.log_level = level;
        self.setup.apply(Summaries::Live);
        let value = level.to_possible_value();
        let name = value.as_ref().map_or("", PossibleValue::get_name);
        logging::print(&format!("log level: {name}"));
    }

    fn change_pause(&self) {
        let Some(pause) = &self.pause else {
            return logging::print("only the cpu worker can be paused");
        };
        pause.send_modify(|is_paused| *is_paused = !*is_paused);
        if self.pause() == Pause::On {
            info!(event = "hashing_paused", "hashing paused");
        } else {
            info!(event = "hashing_resumed", "hashing resumed");
        }
    }
}

/// Ends the program as any SIGTERM does.
fn terminate() {
    kill_process(getpid(), Signal::TERM).ok();
}

/// Skips the rest of what an arrow, a function key or a letter with Alt sends after an escape.
fn skip_code(keys: &mut impl Iterator<Item = u8>) {
    if let Some(b'[' | b'O') = keys.next() {
        keys.find(|key| (b'@'..=b'~').contains(key));
    }
}

/// Restores the terminal before the message of a panic.
fn restore_in_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if terminal::has_keys() {
                logging::close(QUIT_LIMIT);
                terminal::give_back();
            }
            report(info);
        }));
    });
}
