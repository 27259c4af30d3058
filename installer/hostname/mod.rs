//! The name of this machine: found as `hostname --fqdn` finds it, checked before it is believed, and
//! written where this distribution keeps it.

mod files;
mod fqdn;
mod names;

pub use self::files::plan as plan_system_files;
pub use self::fqdn::Fqdn;
pub use self::names::{Names, own_addresses};
use crate::failure::{Failure, Outcome};
use crate::machine::Machine;

/// The full name that the machine has already, if it has one.
pub fn find(machine: &Machine, names: &Names) -> Result<Fqdn, String> {
    let short = names::own_name(machine).ok_or("this machine has no name at all")?;
    let full = match names.canonical(&short) {
        Some(full) if full.contains('.') => full,
        _ if short.contains('.') => short,
        _ => match names::domain(machine) {
            Some(domain) => format!("{short}.{domain}"),
            None => return Err(format!("the name \"{short}\" has no domain")),
        },
    };
    Fqdn::parse(&full)
}

/// Whether main.cf has to say the name: by itself the mail system goes by what gethostname(2) says,
/// and that is the short name on most machines.
pub fn has_to_be_said(machine: &Machine, name: &Fqdn) -> bool {
    names::own_name(machine).is_none_or(|own| !own.eq_ignore_ascii_case(name.as_str()))
}

/// A name that somebody gave: valid, and leading to this machine, unless it need not.
pub fn accept(names: &Names, text: &str, unresolved_too: bool) -> Outcome<Fqdn> {
    let name = Fqdn::parse(text)
        .map_err(|why| Failure::new(why).advise("a name such as mail.example.com is needed"))?;
    if unresolved_too {
        return Ok(name);
    }
    names.lead_here(&name).map_err(|why| {
        Failure::new(why)
            .advise("mend DNS or /etc/hosts first")
            .advise("or say that the name is right all the same: --accept-unresolved")
    })?;
    Ok(name)
}

#[cfg(test)]
mod tests;
