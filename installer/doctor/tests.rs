//! Checks on fake roots.

use super::*;
use crate::machine::fake::Fake;
use crate::voice::Voice;

const MASTER: &str = "smtp inet n - n - - smtpd\n";

fn found(
    files: &[(&str, &str)],
    main_cf: &str,
    check: fn(&Patient<'_>) -> Vec<Finding>,
) -> Vec<String> {
    let fake = Fake::new(files);
    fake.put("/etc/postfix/main.cf", main_cf);
    fake.put("/etc/postfix/master.cf", MASTER);
    let machine = fake.machine();
    let directory = machine.root.at("/etc/postfix");
    let context = Context {
        machine,
        prefix: "/usr".into(),
        dry_run: false,
        yes: false,
        voice: Voice { quiet: true, json: false, terminal: false },
    };
    let (config, services) = tables::load(&directory).unwrap();
    let patient = Patient { context: &context, directory, config, services, offline: true };
    check(&patient).into_iter().map(|finding| finding.text).collect()
}

#[test]
fn parameters() {
    let main_cf = "mydestinaton = x\nsmtpd_timeout = soon\nmyhostname = a.example\n";
    let texts = found(&[], main_cf, parameters::check);
    assert!(texts.iter().any(|text| text.contains("did you mean mydestination")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("smtpd_timeout")), "{texts:?}");
    let texts = found(&[], "myhostname = a.example\n", parameters::check);
    assert_eq!(texts, Vec::<String>::new());
}

#[test]
fn names() {
    assert_eq!(found(&[], "myhostname = mail.example.com\n", name::check), Vec::<String>::new());
    assert_eq!(found(&[], "myhostname = localhost\n", name::check).len(), 1);
    assert_eq!(found(&[("/etc/hostname", "box\n")], "", name::check).len(), 1);
}

#[test]
fn table_files() {
    let main_cf = "alias_maps = hash:/etc/aliases\nalias_database =\nvirtual_alias_maps = lmdb:/etc/v, nosuch:x\n\
                   transport_maps = regexp:/etc/r\nrelay_domains = ldap:/etc/l\n";
    let files = [("/etc/aliases", "root: x\n"), ("/etc/v.lmdb", "x"), ("/etc/v", "a b\n")];
    let texts = found(&files, main_cf, super::table_files::check);
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("hash:/etc/aliases (alias_maps) has no indexed file"))
    );
    assert!(texts.iter().any(|text| text.starts_with("regexp:/etc/r (transport_maps) is missing")));
    let kinds = postfix_rs::lookup::map_types();
    if kinds.contains(&("ldap", false)) {
        assert!(texts.iter().any(|text| text.contains("USE=ldap")), "{texts:?}");
    }
}

#[test]
fn a_stale_database() {
    let fake = Fake::new(&[("/etc/v.lmdb", "x"), ("/etc/v", "a b\n")]);
    let source = fake.folder.path().join("etc/v");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
    assert!(tables::is_stale(&source, &fake.folder.path().join("etc/v.lmdb")));
}

#[test]
fn certificates() {
    let files = [("/etc/c.pem", "no certificate\n")];
    let main_cf = "smtpd_tls_cert_file = /etc/c.pem\nsmtp_tls_cert_file = /etc/missing.pem\n";
    let texts = found(&files, main_cf, super::certificates::check);
    assert!(texts.iter().any(|text| text.contains("/etc/missing.pem: No such file")), "{texts:?}");
    #[cfg(feature = "ssl")]
    assert!(texts.iter().any(|text| text.contains("holds no certificate")), "{texts:?}");
}

#[test]
fn secrets_that_everybody_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let files = [("/etc/postfix/sasl", "[x] u:p\n")];
    let main_cf = "smtp_sasl_password_maps = hash:/etc/postfix/sasl\n";
    let readable = |mode: u32| {
        let fake = Fake::new(&files);
        let path = fake.folder.path().join("etc/postfix/sasl");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        fake.put("/etc/postfix/main.cf", main_cf);
        fake.put("/etc/postfix/master.cf", MASTER);
        let machine = fake.machine();
        let directory = machine.root.at("/etc/postfix");
        let voice = Voice { quiet: true, json: false, terminal: false };
        let context = Context { machine, prefix: "/usr".into(), dry_run: false, yes: false, voice };
        let (config, services) = tables::load(&directory).unwrap();
        let patient = Patient { context: &context, directory, config, services, offline: true };
        modes::check(&patient).iter().any(|finding| finding.text.contains("read the passwords"))
    };
    assert!(readable(0o644));
    assert!(!readable(0o600));
}
