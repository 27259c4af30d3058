//! Each source of evidence, on fake roots.

use super::*;
use crate::machine::fake::Fake;

/// Names of the conflicts and how many pieces of evidence each has.
fn found(files: &[(&str, &str)]) -> Vec<(String, usize)> {
    let fake = Fake::new(files);
    find(&fake.machine()).into_iter().map(|c| (c.name, c.found.len())).collect()
}

fn one(name: &str, evidence: usize) -> Vec<(String, usize)> {
    vec![(name.to_owned(), evidence)]
}

#[test]
fn an_empty_machine_has_none() {
    assert_eq!(found(&[]), []);
}

#[test]
fn portage() {
    let ssmtp = |flags: &str| {
        found(&[
            ("/var/db/pkg/mail-mta/ssmtp-2.64_p12-r1/USE", flags),
            ("/var/db/pkg/mail-mta/ssmtp-2.64_p12-r1/CONTENTS", "obj /usr/sbin/ssmtp 0 1\n"),
        ])
    };
    assert_eq!(ssmtp("amd64 mta ssl\n"), one("ssmtp", 1));
    assert_eq!(ssmtp("amd64 ssl\n"), []);
    for name in
        ["nullmailer", "exim", "sendmail", "courier", "netqmail", "notqmail", "esmtp", "postfix"]
    {
        let path = format!("/var/db/pkg/mail-mta/{name}-1.2.3/USE");
        assert_eq!(found(&[(&path, "")]), one(name, 1));
    }
    // Unknown, but it is sendmail.
    let contents = "sym /usr/sbin/sendmail -> newmta 1\n";
    assert_eq!(found(&[("/var/db/pkg/mail-mta/newmta-1/CONTENTS", contents)]), one("newmta", 1));
    assert_eq!(found(&[("/var/db/pkg/mail-mta/tool-1/CONTENTS", "obj /usr/bin/tool 0 1\n")]), []);
    // Being merged: Portage's temporary name.
    assert_eq!(found(&[("/var/db/pkg/mail-mta/-MERGING-exim-1/USE", "")]), []);
}

const STATUS: &str = "Package: exim4-daemon-light\nStatus: install ok installed\nArchitecture: amd64\nVersion: 4.96-15\nProvides: mail-transport-agent, exim4-localscanapi-4.1\n\nPackage: msmtp\nStatus: install ok installed\nVersion: 1.8\n\nPackage: nullmailer\nStatus: deinstall ok config-files\nProvides: mail-transport-agent\nVersion: 2\n\nPackage: foomta\nStatus: hold ok installed\nProvides: default-mta (= 1), mail-transport-agent\nVersion: 3\n";

#[test]
fn dpkg() {
    let files = [
        ("/var/lib/dpkg/status", STATUS),
        ("/var/lib/dpkg/info/msmtp.list", "/.\n/usr/bin/msmtp\n"),
        ("/var/lib/dpkg/info/exim4-daemon-light.list", "/.\n/usr/sbin/sendmail\n"),
        ("/usr/sbin/sendmail", "-> exim4"),
        ("/usr/sbin/exim4", ""),
    ];
    assert_eq!(found(&files), [("exim".to_owned(), 2), ("foomta".to_owned(), 1)]);
}

#[test]
fn pacman_and_apk() {
    assert_eq!(
        found(&[
            (
                "/var/lib/pacman/local/opensmtpd-7.5-1/desc",
                "%NAME%\nopensmtpd\n\n%VERSION%\n7.5-1\n\n%PROVIDES%\nsmtp-server\n"
            ),
            ("/var/lib/pacman/local/msmtp-1-1/desc", "%NAME%\nmsmtp\n\n%VERSION%\n1-1\n"),
            ("/var/lib/pacman/local/msmtp-1-1/files", "%FILES%\nusr/bin/msmtp\n"),
            ("/var/lib/pacman/local/ALPM_DB_VERSION", "9\n"),
        ]),
        one("opensmtpd", 1)
    );
    assert_eq!(
        found(&[(
            "/lib/apk/db/installed",
            "P:musl\nV:1\nF:lib\nR:libc.so\n\nP:postfix\nV:3.9-r0\nF:usr/sbin\nR:postfix\nR:sendmail\n\nP:ssmtp\nV:1\nF:usr/sbin\nR:ssmtp\n"
        )]),
        one("postfix", 1)
    );
    assert_eq!(
        found(&[(
            "/usr/lib/apk/db/installed",
            "P:newmta\nV:1\np:cmd:newmta=1 cmd:sendmail=1\nF:usr/bin\nR:newmta\n\nP:tool\nV:1\np:cmd:sendmail-tool=1\n"
        )]),
        one("newmta", 1)
    );
}

#[test]
fn rpm_is_asked() {
    use std::os::unix::fs::PermissionsExt as _;
    let fake = Fake::new(&[
        ("/var/lib/rpm/rpmdb.sqlite", ""),
        (
            "/bin/rpm",
            "#!/bin/sh\necho 'bash 5-1 bash,'\necho 'exim 4.97-1 exim,MTA,server(smtp),'\necho 'msmtp 1-1 msmtp,'\n",
        ),
    ]);
    let bin = fake.folder.path().join("bin");
    std::fs::set_permissions(bin.join("rpm"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut machine = fake.machine();
    machine.search_path = bin.into_os_string();
    let found: Vec<String> = find(&machine).into_iter().map(|c| c.name).collect();
    assert_eq!(found, ["exim"]);
}

#[test]
fn links_and_alternatives() {
    for (target, end, name) in [
        ("/etc/alternatives/mta", "/usr/sbin/sendmail.exim", "exim"),
        ("/etc/alternatives/mta", "/usr/sbin/sendmail.postfix", "postfix"),
        ("/etc/alternatives/x", "/var/qmail/bin/sendmail", "netqmail"),
        ("/etc/alternatives/x", "/usr/bin/msmtp", "msmtp"),
    ] {
        let (to_alternative, to_end) = (format!("-> {target}"), format!("-> {end}"));
        assert_eq!(
            found(&[("/usr/sbin/sendmail", &to_alternative), (target, &to_end), (end, "")]),
            one(name, 1),
            "{end}"
        );
    }
    // A program of nobody, a link into nothing, busybox's stopgap, our own links.
    assert_eq!(found(&[("/usr/sbin/sendmail", "x")]), one("/usr/sbin/sendmail", 1));
    assert_eq!(found(&[("/usr/sbin/sendmail", "-> gone")]), []);
    assert_eq!(found(&[("/usr/sbin/sendmail", "-> /bin/busybox"), ("/bin/busybox", "")]), []);
    assert_eq!(
        found(&[
            ("/usr/bin/mailq", "-> ../sbin/sendmail"),
            ("/usr/sbin/sendmail", "-> postfix"),
            ("/usr/sbin/postfix", ""),
        ]),
        []
    );
}

#[test]
fn mailer_conf() {
    let wrapper = |conf: &str| {
        found(&[
            ("/usr/sbin/sendmail", "-> mailwrapper"),
            ("/usr/sbin/mailwrapper", ""),
            ("/etc/mail/mailer.conf", conf),
        ])
    };
    assert_eq!(wrapper("# x\nsendmail\t/usr/libexec/sendmail/sendmail\n"), one("sendmail", 1));
    assert_eq!(wrapper("mailq /usr/libexec/dma\nsendmail /usr/libexec/dma\n"), one("dma", 1));
    assert_eq!(wrapper(""), []);
}

#[test]
fn services() {
    assert_eq!(
        found(&[
            ("/etc/runlevels/default/exim", "-> /etc/init.d/exim"),
            ("/etc/runlevels/default/sshd", ""),
            ("/etc/systemd/system/multi-user.target.wants/nullmailer.service", ""),
            ("/etc/systemd/system/sshd.service", ""),
        ]),
        [("exim".to_owned(), 1), ("nullmailer".to_owned(), 1)]
    );
    // Ours.
    assert_eq!(
        found(&[
            ("/etc/runlevels/default/postfix", "-> /etc/init.d/postfix"),
            ("/usr/sbin/sendmail", "-> postfix"),
            ("/usr/sbin/postfix", ""),
        ]),
        []
    );
}

#[test]
fn remedies_fit_the_distribution() {
    let remedy = |files: &[(&str, &str)]| {
        let fake = Fake::new(files);
        let machine = fake.machine();
        let conflicts = find(&machine);
        conflicts
            .iter()
            .flat_map(|conflict| remedies(&machine, conflict))
            .map(|remedy| remedy.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        remedy(&[("/var/db/pkg/mail-mta/exim-4.98/USE", "")]),
        ["emerge --ask=n --unmerge mail-mta/exim"]
    );
    let status = "Package: ssmtp\nStatus: install ok installed\nProvides: mail-transport-agent\n";
    assert_eq!(remedy(&[("/var/lib/dpkg/status", status)]), ["apt-get remove --yes ssmtp"]);
    assert_eq!(
        remedy(&[("/usr/sbin/sendmail", "x")]),
        ["mv /usr/sbin/sendmail /usr/sbin/sendmail.old"]
    );
}
