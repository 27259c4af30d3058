//! What the system itself knows: users, groups, the environment; and a random choice.

use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher};
use std::os::unix::ffi::OsStrExt;

use nix::unistd::{Group, User};

/// The value of an environment variable.
pub fn environment(name: &[u8]) -> Option<Vec<u8>> {
    // A name with `=` or NUL cannot exist.
    if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
        return None;
    }
    std::env::var_os(OsStr::from_bytes(name)).map(|value| value.as_bytes().to_vec())
}

/// The passwd(5) line of a user.
pub fn passwd(name: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Ok(None);
    };
    let user = User::from_name(name)
        .map_err(|e| format!("cannot access UNIX password database: {}", e.desc()))?;
    Ok(user.map(|user| {
        format!(
            "{}:{}:{}:{}:{}:{}:{}",
            user.name,
            user.passwd.to_string_lossy(),
            user.uid,
            user.gid,
            user.gecos.to_string_lossy(),
            user.dir.display(),
            user.shell.display()
        )
        .into_bytes()
    }))
}

/// The group(5) line of a group.
pub fn group(name: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Ok(None);
    };
    let group = Group::from_name(name)
        .map_err(|e| format!("cannot access UNIX group database: {}", e.desc()))?;
    Ok(group.map(|group| {
        let members = group.mem.join(",");
        format!("{}:{}:{}:{members}", group.name, group.passwd.to_string_lossy(), group.gid)
            .into_bytes()
    }))
}

/// One of `values` by chance; none if there are none.
pub fn choose<T>(values: &[T]) -> Option<&T> {
    // Each random state has keys of its own, from the system's random source.
    let random = std::hash::RandomState::new().build_hasher().finish();
    let count = u64::try_from(values.len()).ok().filter(|count| *count > 0)?;
    values.get(usize::try_from(random % count).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known() {
        let root = passwd(b"root").unwrap().unwrap();
        assert!(root.starts_with(b"root:"));
        assert_eq!(passwd(b"no such user").unwrap(), None);
        assert_eq!(group(b"no such group").unwrap(), None);
        assert_eq!(environment(b"A=B"), None);
    }

    #[test]
    fn every_choice_happens() {
        let mut seen = [false; 3];
        for _ in 0..1000 {
            seen[*choose(&[0, 1, 2]).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(choose::<u8>(&[]), None);
    }
}
