//! The worker process: takes a job from its socket, does it, answers; ends when the parent closes
//! the socket. It has one user's rights and nothing else to lose.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid};

use super::copy::{Body, CopyError};
use super::mbox::{self, Opened};
use super::{command, forward, maildir};
use crate::ipc::channel::{FRAME_MAX, append_frame, take_frame};
use crate::ipc::worker::{Answer, Done, Job, Mailbox, Refusal, Work};
use crate::sys::{descriptors, spawn, users};

type Input = BufReader<UnixStream>;

/// Runs a worker. Arguments: the file size limit in bytes (0: none), and, for a worker in a
/// directory of its own, that directory, user ID and group ID.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let served = prepare(&arguments).and_then(serve);
    drop(arguments);
    // There is nobody to tell: the parent sees the closed socket.
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn prepare(arguments: &[OsString]) -> io::Result<UnixStream> {
    let socket = UnixStream::from(descriptors::take_stdin()?);
    let number = |at: usize| arguments.get(at).and_then(|a| a.to_str()?.parse::<u64>().ok());
    if let Some(limit) = number(0).filter(|limit| *limit > 0) {
        setrlimit(Resource::RLIMIT_FSIZE, limit, limit)?;
        spawn::ignore_file_size_signal();
    }
    if let Some(root) = arguments.get(1) {
        let id = |at| number(at).and_then(|n| u32::try_from(n).ok());
        let (Some(uid), Some(gid)) = (id(2), id(3)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        nix::unistd::chroot(&PathBuf::from(root))?;
        std::env::set_current_dir("/")?;
        let gid = Gid::from_raw(gid);
        users::become_user(Uid::from_raw(uid), gid, &[gid]).map_err(io::Error::other)?;
    }
    let (own, effective) = spawn::groups();
    if own != effective {
        spawn::use_group(own)?;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    Ok(socket)
}

fn serve(socket: UnixStream) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, socket);
    while !input.fill_buf()?.is_empty() {
        let job: Job = read_frame(&mut input)?;
        let answer = work(job, &mut input)?;
        write_frame(input.get_ref(), &answer)?;
    }
    Ok(())
}

fn read_frame<T: serde::de::DeserializeOwned>(input: &mut Input) -> io::Result<T> {
    let mut prefix = [0; 4];
    input.read_exact(&mut prefix)?;
    let length = u32::from_le_bytes(prefix) as usize;
    if length > FRAME_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = Vec::with_capacity(4 + length);
    frame.extend_from_slice(&prefix);
    input.take(length as u64).read_to_end(&mut frame)?;
    let whole = take_frame(&frame)?;
    whole.map(|(message, _)| message).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn write_frame(mut socket: &UnixStream, answer: &Answer) -> io::Result<()> {
    let mut frame = Vec::new();
    append_frame(&mut frame, answer)?;
    socket.write_all(&frame)
}

/// Does one job; an error means that the parent has gone.
fn work(job: Job, input: &mut Input) -> io::Result<Answer> {
    let gone = |_: CopyError| io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut warnings = Vec::new();
    let mut body = Body { from: input, left: job.content };
    let found = forward::first(&job.unless_forward, &mut warnings);
    let result = match found {
        Some(found) => Ok(Done::Forward(found)),
        None => do_work(job.work, &mut body, &mut warnings).map_err(gone)?,
    };
    body.drain().map_err(gone)?;
    Ok(Answer { warnings, result })
}

fn do_work(
    work: Work,
    body: &mut Body<'_, Input>,
    warnings: &mut Vec<String>,
) -> Result<Result<Done, Refusal>, CopyError> {
    let delivered = |()| Done::Delivered { output: String::new() };
    Ok(match work {
        Work::Nothing => Ok(delivered(())),
        Work::Parse(text) => Ok(Done::Lines(forward::lines(&text))),
        Work::Include(path) => forward::include(&path, warnings).map(Done::Lines),
        Work::CheckHome(path) => forward::check_home(&path).map(|()| Done::Home),
        Work::DeliveredTo => {
            let header = body.all()?;
            Ok(Done::DeliveredTo(forward::delivered_to(&header)))
        }
        Work::Mailbox(mailbox) => append(&mailbox, body, warnings)?.map(|at| Done::Appended { at }),
        Work::Maildir(maildir) => maildir::deliver(&maildir, body, warnings)?
            .map(|remark| Done::Delivered { output: remark.to_owned() }),
        Work::Command(command) => {
            command::run(&command, body, warnings)?.map(|output| Done::Delivered { output })
        }
    })
}

/// Opens and locks with the group of the spool directory, if there is one, and writes with the
/// user's own.
fn append(
    mailbox: &Mailbox,
    body: &mut Body<'_, Input>,
    warnings: &mut Vec<String>,
) -> Result<Result<u64, Refusal>, CopyError> {
    let opened =
        if mailbox.opened_by_parent { from_parent(body).map(Ok)? } else { open(mailbox, warnings) };
    match opened {
        Ok(opened) => {
            let result = match mailbox.size_limit {
                None => mbox::append(mailbox, &opened, body, warnings),
                Some(most) => {
                    limit_files(most);
                    let result = mbox::append(mailbox, &opened, body, warnings);
                    limit_files(libc::RLIM_INFINITY);
                    result
                }
            };
            in_spool_group(mailbox, || drop(opened));
            result
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Lets a write beyond that length fail. If that cannot be had, the length before the write is what
/// counts the next time.
fn limit_files(most: u64) {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_FSIZE) {
        spawn::ignore_file_size_signal();
        let _ = setrlimit(Resource::RLIMIT_FSIZE, most.min(hard), hard);
    }
}

fn open(mailbox: &Mailbox, warnings: &mut Vec<String>) -> Result<Opened, Refusal> {
    in_spool_group(mailbox, || mbox::open(mailbox, None, warnings))
}

fn in_spool_group<T>(mailbox: &Mailbox, action: impl FnOnce() -> T) -> T {
    let (own, _) = spawn::groups();
    let Some(group) = mailbox.spool_group.filter(|group| *group != own) else { return action() };
    // If the group cannot be had, the action fails for want of rights, and says so.
    let _ = spawn::use_group(group);
    let result = action();
    let _ = spawn::use_group(own);
    result
}

/// Asks the parent for the mailbox that it opened.
fn from_parent(body: &mut Body<'_, Input>) -> Result<Opened, CopyError> {
    let ask = Answer { warnings: Vec::new(), result: Ok(Done::SendDescriptor) };
    let socket = body.from.get_ref();
    write_frame(socket, &ask).map_err(|_| CopyError::Parent)?;
    let descriptor = descriptors::receive(socket.as_fd()).map_err(|_| CopyError::Parent)?;
    Opened::received(descriptor.into()).map_err(|_| CopyError::Parent)
}
