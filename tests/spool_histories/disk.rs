//! A disk in memory that behaves as badly as disks may: it forgets what was not synced, tears
//! what was being written, runs full, and fails or dies at any step that is asked for.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use postfix_rs::spool::{Access, Disk, DiskFile, Lock};

/// A small generator of numbers (splitmix64) that repeats itself for the same seed.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// What goes wrong at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power fails in the middle of it.
    PowerCut,
    /// The process is killed before it.
    Kill,
    /// EIO; a write or sync may have been done in part.
    Error,
    /// ENOSPC.
    NoSpace,
    /// A write takes only some of the bytes, a read gives only some.
    Short,
}

#[derive(Debug, Default)]
struct Inode {
    /// What a reader sees.
    now: Vec<u8>,
    /// What is on the platters.
    safe: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug)]
enum NameChange {
    Made(PathBuf, usize),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

#[derive(Debug)]
struct Inner {
    random: Random,
    step: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
    power_cut: bool,
    room: usize,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    changes: Vec<NameChange>,
    locks: BTreeMap<PathBuf, u64>,
}

/// The disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct SimulatedFile(SimulatedDisk, usize);

struct Held(SimulatedDisk, PathBuf, u64);

impl Drop for Held {
    fn drop(&mut self) {
        let mut inner = self.0.lock_inner();
        if inner.locks.get(&self.1) == Some(&self.2) {
            inner.locks.remove(&self.1);
        }
    }
}

impl SimulatedDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random: Random(seed),
            step: 0,
            fault: None,
            dead: false,
            power_cut: false,
            room: usize::MAX,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            safe_names: BTreeMap::new(),
            changes: Vec::new(),
            locks: BTreeMap::new(),
        })))
    }

    fn lock_inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Steps taken so far.
    pub fn step(&self) -> u64 {
        self.lock_inner().step
    }

    /// Lets that step go wrong.
    pub fn fail_at(&self, step: u64, fault: Fault) {
        self.lock_inner().fault = Some((step, fault));
    }

    /// How many bytes all files together may have.
    pub fn set_room(&self, room: usize) {
        self.lock_inner().room = room;
    }

    pub fn used(&self) -> usize {
        self.lock_inner().used()
    }

    /// Whether the process that uses it has been killed, or the power is off.
    pub fn is_dead(&self) -> bool {
        self.lock_inner().dead
    }

    /// kill -9 now.
    pub fn kill(&self) {
        self.lock_inner().dead = true;
    }

    /// Pulls the plug now.
    pub fn cut_power(&self) {
        let mut inner = self.lock_inner();
        inner.dead = true;
        inner.power_cut = true;
    }

    /// Starts again with what is left.
    pub fn restart(&self) {
        let mut inner = self.lock_inner();
        inner.dead = false;
        inner.fault = None;
        inner.locks.clear();
        if std::mem::take(&mut inner.power_cut) {
            inner.lose();
        }
    }
}

impl Inner {
    fn used(&self) -> usize {
        self.names.values().map(|&i| self.inodes[i].now.len()).sum()
    }

    /// Counts a step; says what goes wrong in it.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        if self.dead {
            return Err(io::Error::other("dead"));
        }
        self.step += 1;
        let fault = match self.fault {
            Some((step, fault)) if step == self.step => Some(fault),
            _ => None,
        };
        match fault {
            Some(Fault::Kill) => self.dead = true,
            Some(Fault::PowerCut) => {
                self.dead = true;
                self.power_cut = true;
            }
            _ => {}
        }
        if fault == Some(Fault::Kill) { Err(io::Error::other("killed")) } else { Ok(fault) }
    }

    /// For steps that are done wholly or not at all.
    fn whole(&mut self) -> io::Result<()> {
        match self.begin()? {
            None | Some(Fault::Short) => Ok(()),
            Some(Fault::NoSpace) => Err(ErrorKind::StorageFull.into()),
            Some(_) => Err(io::Error::from_raw_os_error(libc_eio())),
        }
    }

    /// What the platters hold after the power came back.
    fn lose(&mut self) {
        for inode in &mut self.inodes {
            let pending = std::mem::take(&mut inode.pending);
            settle(&mut self.random, &mut inode.safe, pending);
            inode.now.clone_from(&inode.safe);
        }
        for change in std::mem::take(&mut self.changes) {
            if self.random.once_in(2) {
                apply(&mut self.safe_names, change);
            }
        }
        self.names.clone_from(&self.safe_names);
    }
}

fn libc_eio() -> i32 {
    5
}

/// Of the writes that were under way, each is on disk, or not, or in part.
fn settle(random: &mut Random, safe: &mut Vec<u8>, pending: Vec<(usize, Vec<u8>)>) {
    for (offset, bytes) in pending {
        match random.below(4) {
            0 => {}
            1 => put(safe, offset, &bytes),
            2 => {
                let torn = random.below(bytes.len() + 1);
                put(safe, offset, &bytes[..torn]);
            }
            _ => {
                for (i, sector) in bytes.chunks(512).enumerate() {
                    if random.once_in(2) {
                        put(safe, offset + i * 512, sector);
                    }
                }
            }
        }
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset {
        file.extend_from_slice(&vec![0; offset - file.len()]);
    }
    let (over, more) = bytes.split_at(bytes.len().min(file.len() - offset));
    file[offset..offset + over.len()].copy_from_slice(over);
    file.extend_from_slice(more);
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: NameChange) {
    match change {
        NameChange::Made(path, inode) => {
            names.insert(path, inode);
        }
        NameChange::Renamed(from, to) => {
            if let Some(inode) = names.remove(&from) {
                names.insert(to, inode);
            }
        }
        NameChange::Removed(path) => {
            names.remove(&path);
        }
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.lock_inner();
        inner.whole()?;
        let inode = match (inner.names.get(path), access) {
            (Some(_), Access::Create) => return Err(ErrorKind::AlreadyExists.into()),
            (Some(&inode), _) => inode,
            (None, Access::Create) => {
                inner.inodes.push(Inode::default());
                let inode = inner.inodes.len() - 1;
                inner.names.insert(path.into(), inode);
                inner.changes.push(NameChange::Made(path.into(), inode));
                inode
            }
            (None, _) => return Err(ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(SimulatedFile(self.clone(), inode)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.lock_inner();
        inner.whole()?;
        let inode = inner.names.remove(from).ok_or(ErrorKind::NotFound)?;
        inner.names.insert(to.into(), inode);
        inner.changes.push(NameChange::Renamed(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock_inner();
        inner.whole()?;
        inner.names.remove(path).ok_or(ErrorKind::NotFound)?;
        inner.changes.push(NameChange::Removed(path.into()));
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut inner = self.lock_inner();
        inner.whole()?;
        let mut names: Vec<String> = inner
            .names
            .keys()
            .filter_map(|path| path.strip_prefix(directory).ok()?.iter().next()?.to_str())
            .map(str::to_owned)
            .collect();
        names.dedup();
        Ok(names)
    }

    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        self.lock_inner().whole()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock_inner();
        inner.whole()?;
        let in_it = |change: &NameChange| match change {
            NameChange::Made(p, _) | NameChange::Renamed(_, p) | NameChange::Removed(p) => {
                p.parent() == Some(path)
            }
        };
        let changes = std::mem::take(&mut inner.changes);
        for change in changes {
            if in_it(&change) {
                apply(&mut inner.safe_names, change);
            } else {
                inner.changes.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let mut inner = self.lock_inner();
        inner.whole()?;
        if inner.locks.contains_key(path) {
            return Ok(None);
        }
        let token = inner.step;
        inner.locks.insert(path.into(), token);
        drop(inner);
        Ok(Some(Box::new(Held(self.clone(), path.into(), token))))
    }
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.0.lock_inner();
        let fault = inner.begin()?;
        if let Some(Fault::Error | Fault::PowerCut) = fault {
            return Err(io::Error::from_raw_os_error(libc_eio()));
        }
        let file = &inner.inodes[self.1].now;
        let from = file.len().min(offset as usize);
        let mut n = (file.len() - from).min(buffer.len());
        if fault == Some(Fault::Short) && n > 1 {
            n = 1;
        }
        buffer[..n].copy_from_slice(&file[from..from + n]);
        Ok(n)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        let bytes = parts.concat();
        let mut inner = self.0.lock_inner();
        let fault = inner.begin()?;
        let offset = offset as usize;
        let grows = (offset + bytes.len()).saturating_sub(inner.inodes[self.1].now.len());
        let room = inner.room.saturating_sub(inner.used());
        let mut n = bytes.len();
        if grows > room {
            n = n.saturating_sub(grows - room);
        }
        let result = match fault {
            None => Ok(()),
            Some(Fault::Short) => {
                n = n.min(1 + inner.random.below(bytes.len().max(1)));
                Ok(())
            }
            Some(Fault::NoSpace) => {
                n = 0;
                Err(ErrorKind::StorageFull.into())
            }
            Some(_) => {
                n = n.min(inner.random.below(bytes.len() + 1));
                Err(io::Error::from_raw_os_error(libc_eio()))
            }
        };
        if n == 0 && !bytes.is_empty() {
            result?;
            return Err(ErrorKind::StorageFull.into());
        }
        let inode = &mut inner.inodes[self.1];
        put(&mut inode.now, offset, &bytes[..n]);
        inode.pending.push((offset, bytes[..n].to_vec()));
        result.map(|()| n)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.0.lock_inner();
        let fault = inner.begin()?;
        let Inner { inodes, random, .. } = &mut *inner;
        let inode = &mut inodes[self.1];
        match fault {
            None | Some(Fault::Short) => {
                for (offset, bytes) in inode.pending.drain(..) {
                    put(&mut inode.safe, offset, &bytes);
                }
                Ok(())
            }
            // The plug was pulled: what is pending settles when the power comes back.
            Some(Fault::PowerCut) => Err(io::Error::other("power cut")),
            // As Linux does: the pages count as clean now, whether they are on disk or not, and
            // a later sync does not write them.
            Some(_) => {
                let pending = std::mem::take(&mut inode.pending);
                settle(random, &mut inode.safe, pending);
                Err(io::Error::from_raw_os_error(libc_eio()))
            }
        }
    }

    fn length(&self) -> io::Result<u64> {
        let mut inner = self.0.lock_inner();
        inner.whole()?;
        Ok(inner.inodes[self.1].now.len() as u64)
    }
}
