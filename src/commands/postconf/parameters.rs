//! Shows main.cf parameters.

use super::namespace::{Class, Namespace};
use super::options::Mode;
use super::{Outcome, Output};

/// Shows those that the command line names, or all of the classes asked for.
pub(super) fn show(space: &Namespace, output: &mut Output<'_>) -> Outcome<()> {
    let options = output.options;
    if options.names.is_empty() {
        for (name, node) in &space.names {
            let wanted = match node.class {
                Class::Builtin => options.classes.builtin,
                Class::Service => options.classes.service,
                Class::User => options.classes.user,
                Class::Legacy => false,
            };
            if wanted {
                print(space, name, output)?;
            }
        }
    }
    for name in &options.names {
        if space.names.contains_key(name) {
            print(space, name, output)?;
        } else {
            output.speaker.warning(format_args!("{name}: unknown parameter"));
        }
    }
    Ok(())
}

fn print(space: &Namespace, name: &str, output: &mut Output<'_>) -> Outcome<()> {
    let Some(value) = space.value(name, None) else { return Ok(()) };
    let options = output.options;
    if options.has(Mode::HIDE_VALUE) {
        output.line(name);
        return Ok(());
    }
    let raw = space.names.get(name).is_some_and(|node| node.raw);
    let value = if options.has(Mode::EVALUATE) && !raw {
        space.expand(&value, None, output.speaker)?.into()
    } else {
        value
    };
    if options.has(Mode::JSON) {
        output.json(name, &value);
    } else if options.has(Mode::HIDE_NAME) {
        output.line(&value);
    } else {
        output.line(&format!("{name} = {value}"));
    }
    Ok(())
}
