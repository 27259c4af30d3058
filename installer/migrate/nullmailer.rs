//! nullmailer's folder: remotes, and one value in each of the other files.

use super::{Account, Carried, Encryption, Host};

/// Reads remotes; `file` reads the others.
pub(super) fn read(remotes: &str, file: &dyn Fn(&str) -> Option<String>) -> Carried {
    let mut carried = Carried::default();
    let value = |name: &str| {
        let text = file(name)?;
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?.to_owned();
        Some(line)
    };
    for line in remotes.lines().map(str::trim) {
        if !line.is_empty() && !line.starts_with('#') {
            remote(&mut carried, line);
        }
    }
    carried.hostname = value("me");
    carried.origin = value("defaulthost").or_else(|| value("defaultdomain"));
    // Mail for users of this machine goes to the administrator; "me,you" are several.
    carried.everybody = value("adminaddr");
    carried.all_from = value("allmailfrom");
    carried
}

/// `host protocol option…`, with quotes as in a shell.
fn remote(carried: &mut Carried, line: &str) {
    let words = words(line);
    let Some(host) = words.first() else { return };
    match words.get(1).map(String::as_str) {
        None | Some("smtp") => {}
        Some(option) if option.starts_with('-') => {}
        Some(other) => {
            carried.left.push(format!("remotes: {host}: the protocol {other} has no counterpart"));
            return;
        }
    }
    let mut account = Account { host: Host::parse(host), ..Account::default() };
    for word in words.iter().skip(1) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "--port" => account.host.port = value.parse().ok(),
            "--user" => account.user = Some(value.to_owned()),
            "--pass" => account.password = Some(value.to_owned()),
            "--starttls" => account.encryption = Encryption::StartTls,
            "--ssl" | "--tls" => account.encryption = Encryption::Wrapper,
            "--x509cafile" => carried.ca_file = Some(value.to_owned()),
            "--x509certfile" => {
                carried.certificate = Some((value.to_owned(), value.to_owned()));
            }
            "--auth-login" | "--insecure" | "smtp" => {}
            _ => carried.left.push(format!("remotes: {host}: {key} has no counterpart")),
        }
    }
    if account.encryption != Encryption::None && !words.iter().any(|word| word == "--insecure") {
        carried.verify = true;
    }
    if account.encryption == Encryption::Wrapper && account.host.port.is_none() {
        account.host.port = Some(465);
    }
    carried.accounts.push(account);
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, '\\') => word.get_or_insert_default().extend(letters.next()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_and_values() {
        let remotes = "# x\nsmtp.example.com smtp --port=587 --starttls --user=me --pass='a b\"c'\n\
                       backup.example.com smtp --ssl\nold.example.com qmqp\n";
        let file = |name: &str| match name {
            "me" => Some("box.example.com\n".to_owned()),
            "adminaddr" => Some("\nadmin@example.com\n".to_owned()),
            "defaultdomain" => Some("example.com".to_owned()),
            _ => None,
        };
        let carried = read(remotes, &file);
        let hosts: Vec<String> = carried.accounts.iter().map(|a| a.host.to_string()).collect();
        assert_eq!(hosts, ["[smtp.example.com]:587", "[backup.example.com]:465"]);
        assert_eq!(carried.accounts[0].credentials().as_deref(), Some("me:a b\"c"));
        assert_eq!(carried.everybody.as_deref(), Some("admin@example.com"));
        assert_eq!(carried.hostname.as_deref(), Some("box.example.com"));
        assert_eq!(carried.left.len(), 1);
        assert!(carried.verify);
    }
}
