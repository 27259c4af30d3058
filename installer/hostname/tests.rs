//! Finding and accepting names on fake roots.

use super::*;
use crate::machine::fake::Fake;
use crate::plan::{Action, Draft, Source};

fn found(files: &[(&str, &str)]) -> Result<String, String> {
    let fake = Fake::new(files);
    let machine = fake.machine();
    find(&machine, &Names::of(&machine)).map(|name| name.to_string())
}

#[test]
fn found_as_hostname_fqdn_would() {
    let hosts = ("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 mail.example.com mail\n");
    assert_eq!(found(&[("/etc/hostname", "mail\n"), hosts]), Ok("mail.example.com".into()));
    assert_eq!(
        found(&[("/sbin/openrc-run", ""), ("/etc/conf.d/hostname", "hostname=\"mail\"\n"), hosts]),
        Ok("mail.example.com".into())
    );
    assert_eq!(found(&[("/etc/hostname", "# x\nbox.example.org\n")]), Ok("box.example.org".into()));
    assert_eq!(
        found(&[
            ("/etc/hostname", "box\n"),
            ("/etc/resolv.conf", "nameserver 192.0.2.1\nsearch example.net x.y\n")
        ]),
        Ok("box.example.net".into())
    );
    assert!(found(&[("/etc/hostname", "box\n")]).is_err());
    assert!(
        found(&[
            ("/etc/hostname", "localhost\n"),
            ("/etc/hosts", "127.0.0.1 localhost.localdomain localhost\n")
        ])
        .is_err()
    );
    assert!(found(&[]).is_err());
}

#[test]
fn names_are_refused() {
    let names = Names::Hosts("192.0.2.1 mail.example.com\n".into());
    assert!(accept(&names, "mail.example.com", false).is_ok());
    assert!(accept(&names, "other.example.com", false).is_err());
    assert!(accept(&names, "other.example.com", true).is_ok());
    for bad in ["localhost", "mail", "a b.c", "localhost.localdomain"] {
        assert!(accept(&names, bad, true).is_err(), "{bad}");
    }
}

#[test]
fn another_machines_name_is_refused() {
    // TEST-NET-1 is nobody's interface.
    let hosts = Names::Live;
    let name = Fqdn::parse("no-such-host.invalid").unwrap();
    assert!(hosts.lead_here(&name).is_err());
}

fn written(fake: &Fake) -> Vec<(String, String)> {
    let machine = fake.machine();
    let mut draft = Draft::new(&machine);
    let name = Fqdn::parse("mail.example.com").unwrap();
    plan_system_files(&mut draft, &machine, &Names::of(&machine), &name);
    draft
        .finish()
        .steps
        .into_iter()
        .filter_map(|step| match step.action {
            Action::File { path, source: Source::Bytes(bytes), .. } => {
                Some((path.display().to_string(), String::from_utf8(bytes).unwrap()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn files_of_openrc_and_systemd() {
    for (files, paths) in [
        (
            &[("/sbin/openrc-run", ""), ("/etc/conf.d/hostname", "hostname=\"localhost\"\n")][..],
            &["/etc/conf.d/hostname", "/etc/conf.d/net", "/etc/hosts"][..],
        ),
        (&[("/lib/systemd/systemd", "")], &["/etc/hostname", "/etc/hosts"]),
    ] {
        let fake = Fake::new(files);
        let steps = written(&fake);
        assert_eq!(steps.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), paths);
        for (path, text) in steps {
            fake.put(&path, &text);
        }
        assert_eq!(written(&fake), [], "a second run changes nothing");
        let machine = fake.machine();
        let name = find(&machine, &Names::of(&machine)).unwrap();
        assert_eq!(name.as_str(), "mail.example.com");
    }
}
