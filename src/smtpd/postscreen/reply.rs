//! Replies as they go out: softened by `soft_bounce`, with `postscreen_reject_footer_maps` and
//! `postscreen_reject_footer`.

use std::borrow::Cow;

use super::Screen;
use super::engine::soften;
use super::session::Who;
use crate::log::Log;
use crate::smtpd::expand;
use crate::smtpd::session::add_footer;

/// The reply, of one line or several, ready to be sent but for the last line end.
pub async fn finished(screen: &Screen, who: &Who, text: &str, log: &Log) -> String {
    let mut reply = text.to_owned();
    if screen.settings.rules.soft {
        soften(&mut reply);
    }
    if !text.starts_with(['4', '5']) {
        return reply;
    }
    let own = match screen.footers.is_empty() {
        true => None,
        // The reply matters more than its footer.
        false => screen.footers.find(text).await.ok().flatten(),
    };
    let footer = own.as_deref().unwrap_or(&screen.settings.footer);
    if !footer.is_empty() {
        add_footer(&mut reply, footer, |line| expanded(screen, who, line, log));
        continue_lines(&mut reply);
    }
    reply
}

/// Marks all lines but the last as followed by others.
fn continue_lines(reply: &mut String) {
    let ends: Vec<usize> = reply.match_indices("\r\n").map(|(at, _)| at).collect();
    let mut start = 0;
    for end in ends {
        if reply.as_bytes().get(start + 3) == Some(&b' ') && start + 3 < end {
            reply.replace_range(start + 3..start + 4, "-");
        }
        start = end + 2;
    }
}

/// One line of a footer with what stands for `$name` in it.
fn expanded(screen: &Screen, who: &Who, line: &str, log: &Log) -> String {
    let lookup = |name: &str| {
        let value: Cow<'_, str> = match name {
            "server_name" => screen.settings.rules.hostname.as_str().into(),
            "client_address" => who.address.as_str().into(),
            "client_port" => who.port.as_str().into(),
            "localtime" => jiff::Zoned::now().strftime("%b %d %H:%M:%S").to_string().into(),
            _ => {
                log.warning(format_args!("unknown macro name \"{name}\" in expansion request"));
                return None;
            }
        };
        Some(screen.settings.expansion_filter.clean(value))
    };
    expand::text(line, &lookup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lines_but_the_last_go_on() {
        let mut reply = "550 5.5.1 no\r\n550 5.5.1 call\r\n550 5.5.1 us".to_owned();
        continue_lines(&mut reply);
        assert_eq!(reply, "550-5.5.1 no\r\n550-5.5.1 call\r\n550 5.5.1 us");
        let mut short = "\r\n\r\n".to_owned();
        continue_lines(&mut short);
        assert_eq!(short, "\r\n\r\n");
    }
}
