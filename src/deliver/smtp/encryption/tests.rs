//! Tests of the levels and policies of encryption.

use super::*;

#[test]
fn policies_are_parsed() {
    let listed =
        Listed::parse("secure match=a.example:.b.example protocols=>=TLSv1.3 ciphers=high")
            .unwrap();
    assert_eq!(listed.level, Some(Level::Secure));
    assert_eq!(listed.matching, ["a.example", ".b.example"]);
    assert_eq!(listed.protocols.as_deref(), Some(">=TLSv1.3"));
    let listed = Listed::parse("fingerprint { match = AA:BB|CC:DD }, match=EE").unwrap();
    assert_eq!(listed.matching, ["AA:BB", "CC:DD", "EE"]);
}

#[test]
fn fingerprints() {
    let log = Log::new("postfix", "test");
    for (text, good) in [
        ("AA:bb:0c", true),
        ("aabb0c", true),
        ("aabb:0c", true),
        ("aab", false),
        ("aa:", false),
        (":aa", false),
        ("xx", false),
    ] {
        assert_eq!(is_fingerprint(&log, text), good, "{text}");
    }
    assert!(!is_fingerprint(&log, &"aa".repeat(97)));
}

#[test]
fn mistakes_in_policies() {
    for (text, complaint) in [
        ("", "invalid empty policy"),
        ("perhaps", "invalid security level \"perhaps\""),
        ("may match=x", "attribute \"match\" invalid at security level \"may\""),
        ("may ciphers=", "attribute \"ciphers\" has empty value"),
        ("may ciphers=high ciphers=high", "attribute \"ciphers\" is specified multiple times"),
        ("encrypt tafile=/x", "attribute \"tafile\" invalid at security level \"encrypt\""),
        ("encrypt connection_reuse=1", "attribute \"connection_reuse\" has bad value: \"1\""),
        ("secure nonsense=1", "invalid attribute name: \"nonsense\""),
        ("secure servername=-x", "\"servername=-x\" specifies an invalid hostname"),
    ] {
        assert_eq!(Listed::parse(text).unwrap_err(), complaint, "{text}");
    }
}
