//! Berkeley DB files, read and written.

use proptest::prelude::*;

use super::*;

/// Made with the library's own `db_load`, on pages of 512 bytes: 150 records, a long value, a
/// long key.
const SAMPLES: [&[u8]; 4] = [
    include_bytes!("samples/hash.db"),
    include_bytes!("samples/btree.db"),
    include_bytes!("samples/hash-big-endian.db"),
    include_bytes!("samples/btree-big-endian.db"),
];

fn open(bytes: &[u8]) -> Result<Berkeley, BerkeleyError> {
    Berkeley::new(Source::Memory(bytes.into()))
}

fn key(number: u32) -> Vec<u8> {
    format!("user{number}@example.test\0").into_bytes()
}

#[test]
fn samples_give_all_their_records() {
    for sample in SAMPLES {
        let file = open(sample).unwrap();
        for number in 0..150 {
            let value = format!("box{number}\0").into_bytes();
            assert_eq!(file.find(&key(number)).unwrap(), Some(value));
            assert_eq!(file.find(&key(number + 150)).unwrap(), None);
        }
        let long = file.find(b"long@example.test\0").unwrap().unwrap();
        assert_eq!((long.len(), long.last()), (3001, Some(&0)));
        let mut long_key = vec![b'k'; 700];
        long_key.push(0);
        assert_eq!(file.find(&long_key).unwrap().as_deref(), Some(&b"long key\0"[..]));
        assert_eq!(file.find(b"").unwrap(), None);
        let mut keys = Vec::new();
        file.for_each(|key, _| keys.push(key.to_vec())).unwrap();
        assert_eq!(keys.len(), 152);
        if matches!(file.kind, Kind::Btree(_)) {
            assert!(keys.is_sorted());
        }
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 152);
    }
}

#[test]
fn other_files_are_told_from_it() {
    assert!(matches!(open(b""), Err(BerkeleyError::Foreign)));
    assert!(matches!(open(&[0; 4096]), Err(BerkeleyError::Foreign)));
    let with = |at: usize, byte: u8| {
        let mut bytes = SAMPLES[0].to_vec();
        bytes[at] = byte;
        open(&bytes).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(with(16, 6), "a Berkeley DB file of another version, which cannot be read");
    assert_eq!(with(24, 1), "a Berkeley DB file that is encrypted, which cannot be read");
    assert_eq!(with(20, 1), "the file is damaged");
    assert!(with(92, 0).contains("another hash function"));
    assert!(with(48, 1).contains("duplicates"));
}

#[test]
fn a_file_that_ends_too_early_is_damaged() {
    for sample in SAMPLES {
        let file = open(&sample[..sample.len() / 2]);
        let failures = file.iter().flat_map(|file| (0..150).map(|number| file.find(&key(number))));
        assert!(file.is_err() || failures.filter(Result::is_err).count() > 0);
    }
}

#[test]
fn a_writer_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    std::fs::write(&path, SAMPLES[1]).unwrap();
    let held = Flock::lock(File::open(&path).unwrap(), FlockArg::LockExclusive).unwrap();
    assert!(matches!(Berkeley::open(&path), Err(BerkeleyError::Locked)));
    drop(held);
    assert!(Berkeley::open(&path).unwrap().find(&key(7)).unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is changed in a file, looking into it ends, and without a panic.
    #[test]
    fn damage_is_an_error_or_a_miss(
        sample in 0..SAMPLES.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = SAMPLES[sample].to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = count(&bytes);
        if let Ok(file) = open(&bytes) {
            let mut given = 0;
            let _ = file.find(&key(7));
            let _ = file.for_each(|key, value| given += key.len() + value.len());
            prop_assert!(given <= bytes.len());
        }
    }

    /// The same where it hurts: the headers of pages, and what the first one says.
    #[test]
    fn damaged_headers(
        sample in 0..SAMPLES.len(),
        changes in proptest::collection::vec((0..40_usize, 0..120_usize, any::<u8>()), 1..8),
    ) {
        let mut bytes = SAMPLES[sample].to_vec();
        for (page, at, byte) in changes {
            if let Some(place) = bytes.get_mut(page * 512 + at) {
                *place = byte;
            }
        }
        if let Ok(file) = open(&bytes) {
            let _ = file.find(&key(7));
            let _ = file.for_each(|_, _| ());
        }
    }
}
