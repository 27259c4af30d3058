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
    found_in(&Fake::new(files), main_cf, check)
}

fn found_in(fake: &Fake, main_cf: &str, check: fn(&Patient<'_>) -> Vec<Finding>) -> Vec<String> {
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
    let (config, services) = tables::load(&directory, |_| {}).unwrap();
    let patient = Patient {
        context: &context,
        directory,
        config,
        services,
        warnings: Vec::new(),
        offline: true,
    };
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
        let (config, services) = tables::load(&directory, |_| {}).unwrap();
        let patient = Patient {
            context: &context,
            directory,
            config,
            services,
            warnings: Vec::new(),
            offline: true,
        };
        modes::check(&patient).iter().any(|finding| finding.text.contains("read the passwords"))
    };
    assert!(readable(0o644));
    assert!(!readable(0o600));
}

#[test]
fn parameters_without_effect_are_only_told() {
    let main_cf = "myhostname = a.example\nmax_use = 7\nsmtpd_use_tls = yes\n";
    let texts = found(&[], main_cf, parameters::check);
    assert!(texts.iter().any(|text| text.contains("max_use has no effect")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("smtpd_use_tls")), "{texts:?}");
    let fixes = |text: &str| parameters::mending(text).1;
    assert_eq!(
        fixes("x: support for parameter \"a\" will be removed; instead, specify \"b\""),
        "specify \"b\""
    );
    assert_eq!(
        fixes("unused parameter: mydestinaton; did you mean mydestination?"),
        "write mydestination"
    );
}

#[test]
fn mail_to_root() {
    let main_cf = "alias_maps = hash:/etc/aliases\nalias_database = hash:/etc/aliases\n";
    let noted = |text: &str| {
        let texts = found(&[("/etc/aliases", text)], main_cf, super::table_files::check);
        texts.iter().any(|text| text.contains("mail to root stays"))
    };
    assert!(noted("# root: x\npostmaster: root\n"));
    assert!(!noted("postmaster: root\nRoot:\tme\n"));
}

#[test]
fn where_the_log_goes() {
    assert_eq!(found(&[], "", super::log::check), Vec::<String>::new());
    let texts = found(&[], "maillog_file = /srv/log/mail\n", super::log::check);
    assert!(texts.iter().any(|text| text.contains("none of the folders")), "{texts:?}");
    let texts = found(&[], "maillog_file = /var/log/mail\n", super::log::check);
    assert!(texts.iter().any(|text| text.contains("no folder /var/log")), "{texts:?}");
    let files = [("/var/log/x", "")];
    assert!(found(&files, "maillog_file = /var/log/mail\n", super::log::check).is_empty());
}

#[test]
fn mail_that_nobody_delivers() {
    let files = [
        ("/var/spool/postfix/deferred/4/4FAB12C0D1", "x"),
        ("/var/spool/postfix/hold/4FAB12C0D2", "x"),
        ("/var/spool/postfix/corrupt/4FAB12C0D3", "x"),
        ("/var/spool/postfix/active/no message", "x"),
    ];
    let texts = found(&files, "", super::left_over::check);
    assert!(texts.iter().any(|text| text.starts_with("2 messages of C Postfix")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("1 damaged messages")), "{texts:?}");
    assert_eq!(found(&[], "", super::left_over::check), Vec::<String>::new());
}

#[test]
fn passwords_in_clear() {
    let texts = |main_cf: &str| found(&[], main_cf, super::logins::check);
    assert_eq!(texts(""), Vec::<String>::new());
    let users = "smtpd_sasl_auth_enable = yes\n";
    assert_eq!(texts(users), ["service smtp: users may log in without encryption"]);
    for safe in [
        "smtpd_tls_auth_only = yes",
        "smtpd_tls_security_level = encrypt",
        "smtpd_sasl_security_options = noplaintext, noanonymous",
    ] {
        assert_eq!(texts(&format!("{users}{safe}\n")), Vec::<String>::new(), "{safe}");
    }
    let ours = "smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n";
    for (level, count) in [("may", 1), ("encrypt", 0), ("secure", 0), ("none", 1)] {
        let main_cf = format!("{ours}smtp_tls_security_level = {level}\n");
        assert_eq!(texts(&main_cf).len(), count, "{level}");
    }
    // What Postfix has by default keeps passwords to itself.
    assert_eq!(texts("smtp_sasl_auth_enable = yes\n"), Vec::<String>::new());
}

#[cfg(feature = "ssl")]
#[test]
fn keys_and_chains() {
    use std::os::unix::fs::PermissionsExt as _;
    let key = || rcgen::KeyPair::generate().unwrap();
    let named = |name: &str, mut parameters: rcgen::CertificateParams| {
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters
    };
    let parameters =
        |name: &str| named(name, rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap());
    let (own_key, other_key, root_key) = (key(), key(), key());
    let mut root = named("authority", rcgen::CertificateParams::new(Vec::new()).unwrap());
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(root, root_key);
    let leaf = parameters("mail.example.com").signed_by(&own_key, &issuer).unwrap().pem();
    let stranger = parameters("other.example.com").self_signed(&other_key).unwrap().pem();
    let chain = format!("{leaf}{root_pem}");
    let main_cf = "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = /c.pem\nsmtpd_tls_key_file = /k.pem\n";
    let texts = |certificates: &str, key: &rcgen::KeyPair, mode: u32| {
        let fake = Fake::new(&[("/c.pem", certificates), ("/k.pem", &key.serialize_pem())]);
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(fake.folder.path().join("k.pem"), mode).unwrap();
        found_in(&fake, main_cf, super::certificates::check).join("\n")
    };
    assert_eq!(texts(&chain, &own_key, 0o600), "");
    assert!(texts(&chain, &other_key, 0o600).contains("does not match"));
    assert!(texts(&chain, &own_key, 0o644).contains("everybody may read the private key"));
    assert!(texts(&leaf, &own_key, 0o600).contains("alone"));
    assert!(texts(&format!("{leaf}{stranger}"), &own_key, 0o600).contains("has not issued it"));
    let none = found(&[], "smtpd_tls_security_level = may\n", super::certificates::check);
    assert!(none.iter().any(|text| text.contains("there is no certificate")), "{none:?}");
}
