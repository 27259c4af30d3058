//! Confinement of a process for good: no new privileges, Landlock for files, seccomp for system
//! calls that nobody here needs.
//!
//! Best effort by kernel: what an old kernel cannot do is left out, and reported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus,
};
use seccompiler::{SeccompAction, SeccompFilter, TargetArch};

/// What a process may do with files.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// To read and search, with everything below.
    pub read: Vec<PathBuf>,
    /// To read, write, create, rename and remove, with everything below.
    pub write: Vec<PathBuf>,
    /// To execute and read.
    pub execute: Vec<PathBuf>,
}

/// How far the kernel went along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confined {
    /// All of it.
    Fully,
    /// Some kinds of access are not covered by this kernel.
    Partly,
    /// This kernel has no Landlock.
    Not,
}

/// Forbids this process and its children to gain rights by executing set-uid programs.
pub fn no_new_privileges() -> std::io::Result<()> {
    nix::sys::prctl::set_no_new_privs().map_err(Into::into)
}

/// Confines file access. Paths that do not exist are passed over. Call before any thread starts.
pub fn files(allowed: &Files) -> Result<Confined, landlock::RulesetError> {
    let abi = ABI::V5;
    let read = AccessFs::from_read(abi) & !AccessFs::Execute;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .create()?;
    let kinds = [
        (&allowed.read, read),
        (&allowed.write, AccessFs::from_all(abi) & !AccessFs::Execute),
        (&allowed.execute, AccessFs::from_read(abi)),
    ];
    for (paths, access) in kinds {
        for path in paths {
            if let Ok(descriptor) = PathFd::new(path) {
                let access = if path.is_dir() { access } else { access & AccessFs::from_file(abi) };
                rules = rules.add_rule(PathBeneath::new(descriptor, access))?;
            }
        }
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::Not,
    })
}

/// System calls that no part of a mail system makes; the attempt fails with EPERM.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_open_by_handle_at,
    libc::SYS_io_uring_setup,
    libc::SYS_personality,
];

/// What happens to a process that makes one of them all the same: the call fails. Who builds with
/// USE=hardened would rather see it end than see what it tries next.
fn answer() -> SeccompAction {
    if cfg!(feature = "hardened") {
        return SeccompAction::KillProcess;
    }
    SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1))
}

/// No memory of this process and its children is ever written to disk: mail and passwords are
/// in it.
pub fn no_core_dumps() -> std::io::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(Into::into)
}

/// Takes away the system calls in [`FORBIDDEN`], and execve unless `executes`. On an
/// architecture without filter support nothing happens.
pub fn system_calls(executes: bool) -> Result<(), seccompiler::Error> {
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(()) };
    let mut rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    if !executes {
        rules.insert(libc::SYS_execve, Vec::new());
        rules.insert(libc::SYS_execveat, Vec::new());
    }
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer(), architecture)?;
    let program: seccompiler::BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}
