//! Tests of the milter protocol: what is read back as it was written, and what is refused.

use super::*;
use proptest::prelude::*;

#[test]
fn packets() {
    let mut out = Vec::new();
    let data = Packet::new(&mut out, Event::Connect)
        .text(b"h\0x")
        .octet(b'4')
        .short(25)
        .text(b"192.0.2.1")
        .end();
    assert_eq!(out, b"\0\0\0\x10Ch\x004\0\x19192.0.2.1\0");
    assert_eq!(data, 15);
    assert_eq!(Head::take(&out).unwrap(), Some(Head { code: b'C', length: 15 }));
    assert_eq!(Head::take(&out[..4]).unwrap(), None);
}

#[test]
fn lengths_that_are_none() {
    assert_eq!(Head::take(b"\0\0\0\0c"), Err(Malformed::Length(0)));
    let most = LENGTH_MAX;
    let endless = Err(Malformed::TooLong { length: u32::MAX, most });
    assert_eq!(Head::take(b"\xff\xff\xff\xffc"), endless);
    let long = |code| Head::take(&[0x3f, 0, 0, 0, code]).unwrap().unwrap();
    assert!(long(b'b').check(Event::EndOfBody).is_ok());
    assert!(matches!(long(b'y').check(Event::Mail), Err(Malformed::TooLong { .. })));
    assert_eq!(long(b'c').check(Event::Mail), Err(Malformed::Data { code: b'c' }));
    assert_eq!(long(b'b').check(Event::Mail), Err(Malformed::Unexpected { code: b'b' }));
}

#[test]
fn protocols() {
    assert_eq!(Protocol::parse("6").unwrap().steps, step::VERSION_6);
    let quiet = Protocol::parse("2, no_header_reply").unwrap();
    assert_eq!((quiet.version, quiet.steps), (2, 0x7f | step::NO_REPLY_HEADER));
    assert_eq!(Protocol::parse("5"), Err(BadProtocol::Word("5".into())));
    assert_eq!(Protocol::parse("2 3"), Err(BadProtocol::Word("3".into())));
    assert_eq!(Protocol::parse("no_header_reply"), Err(BadProtocol::Missing));
    assert_eq!(Protocol::unknown_to(2), Some(step::NO_DATA | step::NO_UNKNOWN));
    assert_eq!(Protocol::unknown_to(1), None);
}

#[test]
fn responses() {
    let parse = |code, data: &[u8]| Response::parse(code, data, Event::EndOfBody);
    assert_eq!(parse(b'c', b""), Ok(Response::Continue));
    assert_eq!(parse(b'c', b"x"), Err(Malformed::Data { code: b'c' }));
    assert_eq!(
        parse(b'm', b"\0\0\0\x02Subject\0new\0"),
        Ok(Response::Edit(Edit::ChangeHeader {
            index: 2,
            name: b"Subject".to_vec(),
            value: b"new".to_vec()
        }))
    );
    assert_eq!(parse(b'm', b"\0\0"), Err(Malformed::NoNumber));
    assert_eq!(parse(b'h', b"a\0"), Err(Malformed::NoText));
    assert_eq!(parse(b'h', b"a\0b"), Err(Malformed::EndlessText));
    assert_eq!(parse(b'-', b"a\0b"), Err(Malformed::LeftOver(1)));
    assert_eq!(parse(b'f', b""), Err(Malformed::Unexpected { code: b'f' }));
    assert_eq!(
        Response::parse(b'h', b"a\0b\0", Event::Mail),
        Err(Malformed::Unexpected { code: b'h' })
    );
}

#[test]
fn negotiations() {
    let mut data = vec![0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0, 0, 1];
    data.extend_from_slice(b"\0\0\0\0j v\0\0\0\0\x05i\0");
    let found = Negotiated::parse(&data).unwrap();
    assert_eq!((found.version, found.actions, found.steps), (6, 0x1ff, 1));
    assert_eq!(found.macros, [(0, "j v".into()), (5, "i".into())]);
    assert_eq!(Negotiated::parse(b"\0\0\0\x06\0"), Err(Malformed::NoNumber));
}

#[test]
fn replies() {
    let check = |text: &str| reply(text.as_bytes(), false);
    assert_eq!(check("550 5.7.1 100%% no\0").as_deref(), Some("550 5.7.1 100% no"));
    assert_eq!(check("550-a\r\n550 b").as_deref(), Some("550-a\r\n550 b"));
    assert_eq!(check("550 ").as_deref(), Some("550 "));
    for bad in ["", "250 ok", "550", "550-x", "55x y", "550 4.7.1 x", "550-a\n550 b", "550 a\r\n"] {
        assert_eq!(check(bad), None, "{bad:?}");
    }
    assert_eq!(reply(b"550-5.1.1 a\r\n550 b", true).as_deref(), Some("450-4.1.1 a\r\n450 b"));
}

#[test]
fn audit_2026_06_27_replycode_is_read_within_its_packet() {
    // Without the NUL, cut short, with a NUL in the middle: never more than the packet holds.
    for data in [&b"550 5.7.1 no"[..], b"550", b"55", b"5", b"", b"550 5.7", b"550 x\0y\0"] {
        for soft in [false, true] {
            let found = reply(data, soft).unwrap_or_default();
            assert!(found.len() <= data.len(), "{data:?} {found:?}");
        }
    }
    assert_eq!(reply(b"550 5", true).as_deref(), Some("450 4"));
    assert_eq!(reply(b"550 ", true).as_deref(), Some("450 "));
}

#[test]
fn audit_2026_08_19_multiline_milter_reply() {
    for bad in ["550-a\r\n", "550-a\r\n5", "550-a\r\n\r\n550 b", "550-\r\n55"] {
        assert_eq!(reply(bad.as_bytes(), false), None, "{bad:?}");
        assert_eq!(reply(bad.as_bytes(), true), None, "{bad:?}");
    }
    assert_eq!(reply(b"550-\r\n550 ", true).as_deref(), Some("450-\r\n450 "));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Head::take(&bytes);
        let _ = Negotiated::parse(&bytes);
        let _ = reply(&bytes, true);
        let (code, data) = bytes.split_first().unwrap_or((&b'c', &[]));
        for event in [Event::EndOfBody, Event::Mail] {
            if let Err(malformed) = Response::parse(*code, data, event) {
                prop_assert!(!malformed.text("inet:x", event, 0).is_empty());
            }
        }
    }

    #[test]
    fn edits_are_read_as_written(name in "[!-9;-~]{1,20}", value in "[^\0]{0,40}", index in any::<u32>()) {
        let data = [&index.to_be_bytes()[..], name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat();
        let edit = Edit::InsertHeader { index, name: name.into(), value: value.into() };
        prop_assert_eq!(
            Response::parse(code::INSERT_HEADER, &data, Event::EndOfBody),
            Ok(Response::Edit(edit))
        );
    }
}
