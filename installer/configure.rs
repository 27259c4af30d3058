//! `postfix-installer configure`: the name of this machine, and where mail is kept.

use std::path::{Path, PathBuf};

use crate::arguments::ConfigureOptions;
use crate::context::{Context, Done};
use crate::failure::{Failure, Outcome};
use crate::hostname::{self, Fqdn, Names};
use crate::install;
use crate::journal::Facts;
use crate::main_cf::{MainCf, Present};
use crate::plan::{Draft, Plan, Role};
use crate::use_flags::Asked;

const MAIN_CF: &str = "/etc/postfix/main.cf";

/// Configures.
pub fn run(context: &Context, options: &ConfigureOptions) -> Outcome {
    context.recover()?;
    let asked = Asked::read(options.flags.as_deref())?;
    let (name, plan) = decide(context, options, &asked)?;
    context.voice.heading(&format!("The name of this machine: {name}"));
    if context.carry_out("configure", &plan, Facts::default())? == Done::Nothing {
        context.voice.print("  nothing to change");
    }
    Ok(())
}

fn decide(context: &Context, options: &ConfigureOptions, asked: &Asked) -> Outcome<(Fqdn, Plan)> {
    let machine = &context.machine;
    let names = Names::of(machine);
    let mut draft = Draft::new(machine);
    let unresolved_too = options.accept_unresolved;
    let given = |text: &Option<String>| {
        text.as_deref().map(|text| hostname::accept(&names, text, unresolved_too)).transpose()
    };
    let (system, mail) = (given(&options.hostname)?, given(&options.myhostname)?);
    let found = hostname::find(machine, &names);
    if let Some(name) = &system {
        hostname::plan_system_files(&mut draft, machine, &names, name);
    }
    let name = match (&mail, &system, &found) {
        (Some(name), ..) | (None, Some(name), _) => name.clone(),
        (None, None, Ok(name)) => {
            names.lead_here(name).or_else(|why| accept_anyway(unresolved_too, why))?;
            name.clone()
        }
        (None, None, Err(why)) => return Err(no_name(why)),
    };
    let path = PathBuf::from(MAIN_CF);
    let Ok(before) = std::fs::read(machine.root.at(&path)) else {
        if mail.is_some() || asked.says("mbox").is_some() {
            return Err(Failure::new(format!("there is no {MAIN_CF}"))
                .advise("postfix-installer install writes one"));
        }
        return Ok((name, draft.finish()));
    };
    let mut text = MainCf::parse(&before);
    let unsaid = text.value("myhostname").is_none() && hostname::has_to_be_said(machine, &name);
    if mail.is_some() || unsaid {
        set_name(&mut text, &name);
    } else if let Some(now) = text.value("myhostname").filter(|now| now != name.as_str()) {
        draft.note(format!(
            "{MAIN_CF} says myhostname = {now}: that is what mail calls this machine"
        ));
    }
    if let Some(mbox) = asked.says("mbox") {
        install::mailboxes(&mut text, mbox);
    }
    draft.edit(Path::new(MAIN_CF), &before, text.text(), false, Role::Configuration);
    Ok((name, draft.finish()))
}

fn accept_anyway(accepted: bool, why: String) -> Outcome {
    if accepted {
        return Ok(());
    }
    Err(Failure::new(why)
        .advise(
            "mend DNS or /etc/hosts, or give another name: --hostname FQDN or --myhostname FQDN",
        )
        .advise("or say that the name is right all the same: --accept-unresolved"))
}

fn no_name(why: &str) -> Failure {
    Failure::new(format!("no fully qualified name: {why}"))
        .advise("give the machine one: postfix-installer configure --hostname mail.example.com")
        .advise("or only its mail: postfix-installer configure --myhostname mail.example.com")
}

/// myhostname, and mydomain where it went with the old name. What the administrator has chosen
/// for mydomain and myorigin stays.
pub fn set_name(text: &mut MainCf, name: &Fqdn) {
    let old = text.value("myhostname");
    text.set("myhostname", name.as_str(), Present::Replace, &["mydomain", "myorigin"]);
    let went_together = match (&old, text.value("mydomain")) {
        (Some(old), Some(domain)) => old.split_once('.').is_some_and(|(_, rest)| rest == domain),
        _ => false,
    };
    let present = if went_together { Present::Replace } else { Present::Keep };
    text.set("mydomain", name.domain(), present, &["myhostname"]);
    text.set("myorigin", "$myhostname", Present::Keep, &["mydomain"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, name: &str) -> String {
        let mut text = MainCf::parse(text.as_bytes());
        set_name(&mut text, &Fqdn::parse(name).unwrap());
        String::from_utf8(text.text()).unwrap()
    }

    #[test]
    fn documented_lines_get_their_values() {
        let stock = crate::layout::MAIN_CF;
        let once = named(stock, "mail.example.com");
        let was = |line: &&str| stock.lines().any(|old| old == *line);
        let new: Vec<&str> = once.lines().filter(|line| !was(line)).collect();
        assert_eq!(
            new,
            ["myhostname = mail.example.com", "mydomain = example.com", "myorigin = $myhostname"]
        );
        assert_eq!(once.lines().count(), stock.lines().count());
        assert_eq!(named(&once, "mail.example.com"), once);
    }

    #[test]
    fn the_administrators_values_stay() {
        let text = "myorigin = example.org\nmydomain = example.org\n";
        assert_eq!(
            named(text, "mail.example.com"),
            "myorigin = example.org\nmydomain = example.org\nmyhostname = mail.example.com\n"
        );
        let text = "myhostname = old.example.org\nmydomain = example.org\nmyorigin = x\n";
        assert_eq!(
            named(text, "mail.example.com"),
            "myhostname = mail.example.com\nmydomain = example.com\nmyorigin = x\n"
        );
    }
}
