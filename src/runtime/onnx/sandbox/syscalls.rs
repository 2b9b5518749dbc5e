//! Which system calls the model's process may make: those that ONNX Runtime was seen to make over tests/data/onnx, and
//! their variants. Harmless others fail with EPERM, which libraries expect; the rest ends the process.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// Made freely.
const ALLOWED: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_getparam,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getgroups,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_openat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_fcntl,
    libc::SYS_ppoll,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_getcwd,
    libc::SYS_restart_syscall,
    libc::SYS_membarrier,
    libc::SYS_fadvise64,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getrusage,
    libc::SYS_times,
    libc::SYS_mincore,
    libc::SYS_dup,
    libc::SYS_clone3,
];

#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_poll,
    libc::SYS_arch_prctl,
    libc::SYS_time,
    libc::SYS_getrlimit,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// Of the sandbox itself, until it is closed.
const EARLY: &[c_long] = &[
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capget,
    libc::SYS_capset,
];

/// Refused with EPERM.
const HARMLESS: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_ioctl,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_mknodat,
    libc::SYS_utimensat,
    libc::SYS_setpriority,
    libc::SYS_getpriority,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
    libc::SYS_get_mempolicy,
    libc::SYS_memfd_create,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_pipe2,
    libc::SYS_inotify_init1,
    libc::SYS_timerfd_create,
    libc::SYS_signalfd4,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_openat2,
    libc::SYS_umask,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_dup3,
    libc::SYS_msync,
    libc::SYS_mlock,
    libc::SYS_mlockall,
];

#[cfg(target_arch = "x86_64")]
const HARMLESS_HERE: &[c_long] = &[
    libc::SYS_mkdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_creat,
    libc::SYS_mknod,
    libc::SYS_pipe,
    libc::SYS_eventfd,
    libc::SYS_epoll_create,
    libc::SYS_inotify_init,
    libc::SYS_accept,
    libc::SYS_dup2,
    libc::SYS_rmdir,
    libc::SYS_setrlimit,
];
#[cfg(not(target_arch = "x86_64"))]
const HARMLESS_HERE: &[c_long] = &[];

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Ends the process with whatever stands in no list, and refuses what is harmless.
///
/// # Errors
/// The kernel has no filters, or this process may not set one.
pub fn enter() -> Result<(), String> {
    // Its flags lie in memory, where no filter looks: without it the C library takes `clone`.
    let newer = Rules::from([(libc::SYS_clone3, Vec::new())]);
    apply(newer, SeccompAction::Allow, SeccompAction::Errno(errno(libc::ENOSYS)))?;
    apply(allowed()?, SeccompAction::KillProcess, SeccompAction::Allow)?;
    let mut refused = unconditional(&[HARMLESS, HARMLESS_HERE]);
    refused.extend(writing()?);
    apply(refused, SeccompAction::Allow, SeccompAction::Errno(errno(libc::EPERM)))
}

/// Refuses what only the sandbox itself needed.
///
/// # Errors
/// As [`enter`].
pub fn close() -> Result<(), String> {
    apply(unconditional(&[EARLY]), SeccompAction::Allow, SeccompAction::Errno(errno(libc::EPERM)))
}

fn allowed() -> Result<Rules, String> {
    let mut rules = unconditional(&[ALLOWED, ALLOWED_HERE, EARLY, HARMLESS, HARMLESS_HERE]);
    let own = u64::from(std::process::id());
    // Threads, and no processes.
    rules.insert(libc::SYS_clone, vec![rule(&[masked(0, flag(libc::CLONE_THREAD))?])?]);
    // `abort` signals its own thread.
    rules.insert(libc::SYS_tgkill, vec![rule(&[equal(0, SeccompCmpArgLen::Dword, own)?])?]);
    // Limits are asked for, not set.
    let is_question = [equal(0, SeccompCmpArgLen::Dword, 0)?, equal(2, SeccompCmpArgLen::Qword, 0)?];
    rules.insert(libc::SYS_prlimit64, vec![rule(&is_question)?]);
    Ok(rules)
}

/// Opening a file for anything but reading.
fn writing() -> Result<Rules, String> {
    let flags_of = |argument: u8| -> Result<Vec<SeccompRule>, String> {
        [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC]
            .into_iter()
            .map(|bit| rule(&[masked(argument, flag(bit))?]))
            .collect()
    };
    let mut rules = Rules::from([(libc::SYS_openat, flags_of(2)?)]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, flags_of(1)?);
    Ok(rules)
}

fn unconditional(lists: &[&[c_long]]) -> Rules {
    lists.iter().flat_map(|list| list.iter()).map(|number| (*number, Vec::new())).collect()
}

fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, String> {
    SeccompRule::new(conditions.to_vec()).map_err(|error| error.to_string())
}

/// The argument has all of these bits.
fn masked(argument: u8, bits: u64) -> Result<SeccompCondition, String> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bits), bits)
        .map_err(|error| error.to_string())
}

fn equal(argument: u8, length: SeccompCmpArgLen, value: u64) -> Result<SeccompCondition, String> {
    SeccompCondition::new(argument, length, SeccompCmpOp::Eq, value).map_err(|error| error.to_string())
}

fn flag(flag: libc::c_int) -> u64 {
    u64::from(flag.cast_unsigned())
}

fn errno(errno: libc::c_int) -> u32 {
    errno.cast_unsigned()
}

fn apply(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<(), String> {
    let architecture = std::env::consts::ARCH.try_into().map_err(|_| "unknown processor".to_owned())?;
    let filter = SeccompFilter::new(rules, otherwise, matched, architecture).map_err(|error| error.to_string())?;
    let program: BpfProgram = filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}
