//! Enqueues jobs for Jobspool, with the standard library alone (Rust 1.56 or newer). In a program of your own: `mod jobspool;`.
//!
//!     let id = Job { method: "execute".into(), params: r#"["Sample Data"]"#.into(), priority: 8, ..Job::new("ExampleJob") }.enqueue()?;
//!
//! usage: jobspool [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID] [--traceparent T]
//!                 [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
#![allow(dead_code)]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs};

const USAGE: &str = "usage: jobspool [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID] \
                     [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]";

/// When a job is to run.
pub enum RunAt {
    Now,
    In(Duration),
    At(SystemTime),
    /// A time in UTC as text: `2026-11-22T10:15:00Z`.
    Utc(String),
}

/// A job to enqueue. `Job::new` has the defaults.
pub struct Job {
    pub class: String,
    /// `handle`
    pub method: String,
    /// JSON, as the library of your choice writes it: an array of positional arguments, or an object passed as one argument.
    pub params: String,
    /// 1 to 10, higher runs first.
    pub priority: u8,
    pub run_at: RunAt,
    /// Attempts after the first; None: the method's own.
    pub retries: Option<u32>,
    /// An id of your own, which no other live job has; None: one is made.
    pub id: Option<String>,
    /// The trace that the job belongs to, by W3C Trace Context.
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
    /// The spool's folder: `$JOBSPOOL_DIR`, else `./var/spool`.
    pub spool: PathBuf,
}

impl Job {
    pub fn new(class: &str) -> Job {
        Job {
            class: class.into(),
            method: "handle".into(),
            params: "[]".into(),
            priority: 5,
            run_at: RunAt::Now,
            retries: None,
            id: None,
            traceparent: None,
            tracestate: None,
            spool: env::var_os("JOBSPOOL_DIR").filter(|dir| !dir.is_empty()).unwrap_or_else(|| "./var/spool".into()).into(),
        }
    }

    /// Enqueues the job and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it. An error of kind
    /// `InvalidInput` names a wrong argument, `AlreadyExists` means that a request of that id waits already.
    pub fn enqueue(&self) -> Result<String> {
        let now = SystemTime::now();
        let made = format!("{}-{:012x}", since_1970(now)?.as_micros(), RandomState::new().build_hasher().finish() & 0xffff_ffff_ffff);
        let id = self.id.clone().unwrap_or_else(|| made.clone());
        self.check(&id)?;
        let run_at = match &self.run_at {
            RunAt::Now => "now".into(),
            RunAt::In(delay) => format!("{:013}", since_1970(now + *delay)?.as_millis()),
            RunAt::At(time) => format!("{:013}", since_1970(*time)?.as_millis()),
            RunAt::Utc(text) => stamp(text)?,
        };
        self.publish(&made, &format!("p{}-{}-{}.json", self.priority, run_at, id))?;
        Ok(id)
    }

    fn check(&self, id: &str) -> Result<()> {
        if !(1..=10).contains(&self.priority) {
            return wrong(format!("priority: expected a whole number from 1 to 10, got {}", self.priority));
        }
        let is_id = id.len() <= 100
            && id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !is_id {
            return wrong(format!("id: an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit; got {:?}", id));
        }
        let json = self.params.trim();
        if !(json.starts_with('[') && json.ends_with(']') || json.starts_with('{') && json.ends_with('}')) {
            return wrong(format!("params: expected a JSON array or object, got {}", self.params));
        }
        Ok(())
    }

    fn body(&self) -> String {
        let mut body = format!("{{\"class\":{},\"method\":{},\"params\":{}", quoted(&self.class), quoted(&self.method), self.params);
        if let Some(retries) = self.retries {
            body += &format!(",\"retries\":{}", retries);
        }
        for (name, value) in [("traceparent", &self.traceparent), ("tracestate", &self.tracestate)] {
            if let Some(text) = value {
                body += &format!(",\"{}\":{}", name, quoted(text));
            }
        }
        body + "}\n"
    }

    fn publish(&self, made: &str, name: &str) -> Result<()> {
        let incoming = self.spool.join("incoming");
        if !incoming.is_dir() {
            let sentence = "enqueue a job: expected a spool in SPOOL, found none; start the service once, or set JOBSPOOL_DIR";
            return Err(Error::new(ErrorKind::NotFound, sentence.replace("SPOOL", &self.spool.to_string_lossy())));
        }
        let draft = self.spool.join("tmp").join(format!("{}.json", made));
        let target = incoming.join(name);
        let published = fs::OpenOptions::new().write(true).create_new(true).open(&draft).and_then(|file| {
            // An id of the caller's own may be there already: a rename would replace that request, a link does not.
            let moved = write(file, &self.body()).and_then(|()| match self.id {
                Some(_) => fs::hard_link(&draft, &target),
                None => fs::rename(&draft, &target),
            });
            if moved.is_err() || self.id.is_some() {
                let _ = fs::remove_file(&draft);
            }
            moved
        });
        published.map_err(|error| Error::new(error.kind(), format!("enqueue {} by {}: {}; nothing was enqueued", name, draft.display(), error)))?;
        sync_folder(&incoming).map_err(|error| {
            let sentence = format!("enqueue {}: sync {}: {}; a power cut may lose the job still", name, incoming.display(), error);
            Error::new(ErrorKind::Other, sentence)
        })
    }
}

fn write(mut file: fs::File, body: &str) -> Result<()> {
    // The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o640))?;
    file.write_all(body.as_bytes())?;
    file.sync_all()
}

/// The name itself survives a power cut once its folder is synced; Windows syncs no folders.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        fs::File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

fn since_1970(time: SystemTime) -> Result<Duration> {
    time.duration_since(UNIX_EPOCH).or_else(|_| wrong("at: expected a time since 1970".into()))
}

fn stamp(text: &str) -> Result<String> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match shape.as_str() {
        "0000-00-00T00:00:00Z" | "0000-00-00T00:00:00.000Z" if is_time(text) => Ok(text.replace(['-', ':'].as_ref(), "")),
        _ => wrong(format!("at: expected a UTC time such as 2026-11-22T10:15:00Z, got {}", text)),
    }
}

/// Of a text that has the shape of a time, whether the calendar has its day: the service rejects another.
fn is_time(text: &str) -> bool {
    let part = |from: usize, to: usize| text[from..to].parse::<u32>().unwrap_or(0);
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let days = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=days).contains(&day) && part(11, 13) < 24 && part(14, 16) < 60 && part(17, 19) < 60
}

fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{}", c),
        c if c < ' ' => format!("\\u{:04x}", c as u32),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn wrong<T>(sentence: String) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidInput, sentence))
}

pub fn main() {
    match job_of(env::args().skip(1).collect()).and_then(|job| job.enqueue()) {
        Ok(id) => println!("{}", id),
        Err(error) => {
            eprintln!("{}", error);
            std::process::exit(if error.kind() == ErrorKind::InvalidInput { 2 } else { 1 });
        }
    }
}

fn job_of(args: Vec<String>) -> Result<Job> {
    let given = args.iter().step_by(2).take_while(|arg| arg.starts_with("--")).count() * 2;
    if given >= args.len() || args.len() - given > 3 {
        return wrong(USAGE.into());
    }
    let mut job = Job::new(&args[given]);
    job.method = args.get(given + 1).cloned().unwrap_or(job.method);
    job.params = args.get(given + 2).cloned().unwrap_or(job.params);
    for option in args[..given].chunks(2) {
        let value = option[1].clone();
        match option[0].as_str() {
            "--priority" => job.priority = number("priority", "from 1 to 10", &value)?,
            "--delay" if matches!(job.run_at, RunAt::Now) => job.run_at = RunAt::In(Duration::from_secs(number("delay", "of seconds from 0 on", &value)?)),
            "--at" if matches!(job.run_at, RunAt::Now) => job.run_at = RunAt::Utc(value),
            "--delay" | "--at" => return wrong("expected a delay or a time (at), got both".into()),
            "--retries" => job.retries = Some(number("retries", "from 0 on", &value)?),
            "--id" => job.id = Some(value),
            "--traceparent" => job.traceparent = Some(value),
            "--tracestate" => job.tracestate = Some(value),
            _ => return wrong(USAGE.into()),
        }
    }
    Ok(job)
}

fn number<T: std::str::FromStr>(what: &str, range: &str, text: &str) -> Result<T> {
    text.parse().or_else(|_| wrong(format!("{}: expected a whole number {}, got {}", what, range, text)))
}
