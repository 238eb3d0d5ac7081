//! Who the client is, and which difficulty it asks for.

use std::time::Instant;

use super::Session;
use super::difficulty::{Change, ShareDifficulty};
use super::outbox::{Outbox, SettingWarning};
use super::text::truncated;
use crate::asked::Asked;
use crate::message::{Answer, BadRequest, Refusal};
use crate::nonce1::Nonce1;
use crate::share_log::LoggedShares;
use crate::stats::WorkerName;
use crate::vardiff::start::vendor_rate;

/// The most worker names of one session; later ones are ignored. Names stay in the statistics for a
/// while, and their number is limited.
const MAX_NAMES: u8 = 16;

/// The most warnings of settings under one name of a session. The log has a limit for all sessions,
/// which none should use up.
const MAX_WARNINGS: u8 = 3;

/// The longest user name in the log of shares, in bytes.
const LONGEST_USER: usize = 1024;

impl Session {
    pub(super) fn subscribe(
        &mut self,
        now: Instant,
        agent: &str,
        out: &mut Outbox,
    ) -> Result<&Nonce1, Refusal> {
        let slot = match self.nonce1.take() {
            Some(slot) => slot,
            None => {
                let slot = self.context.nonce1.take().map_err(|_| Refusal::NoNonce1)?;
                self.agent = truncated(agent, 64).into();
                self.vendor_rate = vendor_rate(&self.agent);
                self.login = self.login.subscribe(now);
                self.difficulty = self.start_difficulty(now);
                if let Some(name) = self.pending_name.take() {
                    self.open(now, &name, out);
                }
                slot
            }
        };
        Ok(self.nonce1.insert(slot))
    }

    pub(super) fn authorize(
        &mut self,
        now: Instant,
        user: &str,
        password: &str,
        out: &mut Outbox,
    ) -> Change {
        let name = WorkerName::of_user(user.as_bytes());
        if self.context.logged != LoggedShares::None {
            self.user = truncated(user, LONGEST_USER).into();
        }
        let password = truncated(password, 128);
        let is_new = self.worker() != Some(&name) || *self.password != *password;
        self.login = self.login.authorize();
        if !is_new {
            return Change::None;
        }
        self.password = password.into();
        if self.nonce1.is_some() {
            self.open(now, &name, out)
        } else {
            self.pending_name = Some(name);
            Change::None
        }
    }

    /// Counts the session under this worker name, whose last level and password set the difficulty.
    fn open(&mut self, now: Instant, name: &WorkerName, out: &mut Outbox) -> Change {
        if self.names == MAX_NAMES {
            return Change::None;
        }
        self.names += 1;
        self.setting_warnings = 0;
        self.record_last_level();
        let worker = self.context.stats.open(now, name);
        worker.set_client(&self.agent, self.peer);
        self.last_level = worker.last_share_level();
        self.worker = Some(worker);
        self.warn_of_settings(now, out);
        let before = self.difficulty.target();
        self.difficulty = self.start_difficulty(now);
        if before == self.difficulty.target() {
            Change::None
        } else {
            Change::Level
        }
    }

    /// Returns the difficulty to start with. What the client suggested precedes what its worker
    /// last ran at.
    fn start_difficulty(&self, now: Instant) -> ShareDifficulty {
        let suggested = self.suggested.as_ref().and_then(|asked| asked.level);
        let in_password = || {
            let asked = Asked::in_password(&self.password);
            asked.into_iter().find_map(|asked| asked.level)
        };
        let last = self.last_level.filter(|_| suggested.is_none());
        let asked = suggested.or_else(in_password);
        ShareDifficulty::new(&self.context, now, last, asked, &self.agent)
    }

    /// Applies a difficulty that the client asks for, from its next job on.
    pub(super) fn suggest(
        &mut self,
        now: Instant,
        asked: Asked,
        change: &mut Change,
        out: &mut Outbox,
    ) -> Answer<'static> {
        let level = asked.level;
        self.suggested = Some(Box::new(asked));
        if self.worker.is_some() || self.login.gets_jobs() {
            self.warn_of_settings(now, out);
        }
        let Some(level) = level else {
            out.bad_lines += 1;
            return Answer::Refused(Refusal::BadRequest(BadRequest::Parameters));
        };
        *change = self.difficulty.ask(&self.context, now, level);
        Answer::True
    }

    /// Warns of the settings of the client that cannot be read or exceed a limit, each once, and of
    /// a few at most.
    pub(super) fn warn_of_settings(&mut self, now: Instant, out: &mut Outbox) {
        let limits = ShareDifficulty::limits(&self.context);
        let suggested = self.suggested.as_deref().cloned();
        for asked in Asked::in_password(&self.password)
            .into_iter()
            .chain(suggested)
        {
            let limit = match asked.level {
                Some(level) if limits.contains(&level) => continue,
                Some(level) => Some(level.clamp(*limits.start(), *limits.end())),
                None => None,
            };
            let worker = self.worker().cloned();
            let name = worker.clone().unwrap_or_else(|| WorkerName::of_user(b""));
            let key = (name, asked.setting.clone());
            if self.setting_warnings < MAX_WARNINGS
                && self.context.setting_warnings.is_due(now, key)
            {
                self.setting_warnings += 1;
                out.settings.push(SettingWarning {
                    worker,
                    setting: asked.setting,
                    limit,
                });
            }
        }
    }

    pub(super) fn record_last_level(&self) {
        // Before its first job a client has no level of its own.
        if self.login.gets_jobs()
            && let (Some(worker), Some(level)) = (&self.worker, self.difficulty.last_share_level())
        {
            worker.set_last_share_level(level);
        }
    }

    pub(super) fn record_level(&self) {
        self.record_last_level();
        if let (Some(worker), Some(level)) = (&self.worker, self.difficulty.level()) {
            worker.set_level(level);
        }
    }
}
