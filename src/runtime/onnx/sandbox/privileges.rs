//! The user that the model's process runs as.
#![expect(unsafe_code, reason = "system calls that no crate here wraps: users, groups and capabilities of this thread")]

use std::fs::File;
use std::io;
use std::path::Path;

/// `nobody`, and `nogroup`.
const NOBODY: u32 = 65534;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
const CAP_DAC_READ_SEARCH: u32 = 1 << 2;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Becomes `nobody`, if that is not too little to read `needed`; else keeps the user without its privileges.
///
/// Returns what is in force. The process must have one thread.
pub fn reduce(needed: &[&Path]) -> String {
    // SAFETY: it has no arguments and cannot fail.
    let user = unsafe { libc::geteuid() };
    if user != 0 {
        return format!("user: {user}, without privileges");
    }
    match become_nobody(needed) {
        Ok(true) => "user: nobody".to_owned(),
        found => {
            let why = match found {
                Err(error) => format!("{error}"),
                Ok(_) => "the model's files are not everyone's to read".to_owned(),
            };
            if keep_capabilities(CAP_DAC_READ_SEARCH).is_ok() {
                return format!("user: root, whose one privilege is to read any file ({why})");
            }
            match keep_capabilities(0) {
                Ok(()) => format!("user: root without privileges ({why})"),
                Err(error) => format!("user: root with its privileges ({why}; {error})"),
            }
        }
    }
}

/// Whether it could; where it could not, nothing has changed.
fn become_nobody(needed: &[&Path]) -> io::Result<bool> {
    let groups = groups()?;
    set_groups(&[])?;
    let tried = as_nobody(needed);
    if let Ok(true) = tried {
        set_group(NOBODY, NOBODY, NOBODY)?;
        set_user(NOBODY, NOBODY, NOBODY)?;
        return Ok(true);
    }
    set_groups(&groups)?;
    tried
}

/// Opens the files as `nobody`, and is root again.
fn as_nobody(needed: &[&Path]) -> io::Result<bool> {
    set_group(0, NOBODY, 0)?;
    let tried = set_user(0, NOBODY, 0).map(|()| needed.iter().all(|path| File::open(path).is_ok()));
    set_user(0, 0, 0)?;
    set_group(0, 0, 0)?;
    tried
}

fn checked(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

// The C library's functions would change every thread; here is one, and its children inherit.

fn set_user(real: u32, effective: u32, saved: u32) -> io::Result<()> {
    // SAFETY: it takes three integers.
    checked(unsafe { libc::syscall(libc::SYS_setresuid, real, effective, saved) })
}

fn set_group(real: u32, effective: u32, saved: u32) -> io::Result<()> {
    // SAFETY: it takes three integers.
    checked(unsafe { libc::syscall(libc::SYS_setresgid, real, effective, saved) })
}

fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one slice.
    checked(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) })
}

fn groups() -> io::Result<Vec<u32>> {
    let mut groups = vec![0_u32; 65536];
    // SAFETY: the pointer and the length are those of one slice.
    let count = unsafe { libc::syscall(libc::SYS_getgroups, groups.len(), groups.as_mut_ptr()) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    groups.truncate(count);
    Ok(groups)
}

/// Gives up all capabilities but these, for good.
fn keep_capabilities(kept: u32) -> io::Result<()> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [CapabilityData::default(); 2];
    data[0].effective = kept;
    data[0].permitted = kept;
    // SAFETY: version 3 reads one header and two sets.
    checked(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) })
}
