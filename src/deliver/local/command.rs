//! A command that main.cf, an alias, a forward file or a list names: its environment is all that
//! strangers have to do with it, and that is filtered.

use super::attributes::{Attributes, Subject};
use super::delivery::{Delivery, Retry};
use super::expand::{expand, filtered};
use crate::ipc::worker::{Command, Copy, Refusal, Run, Work};
use crate::mail::status::Status;

impl Delivery {
    /// Runs the command with the message as input.
    pub(super) async fn command(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        command: &str,
    ) -> Retry {
        if self.seen(&format!("command {}:{} {command}", attributes.user, subject.uid)) {
            return false;
        }
        if self.is_trace() {
            return self.would(attributes, format!("delivers to command: {command}")).await;
        }
        match self.run_command(attributes, subject, command).await {
            Ok(()) => {
                self.say(attributes, (2, 0, 0), format!("delivered to command: {command}")).await
            }
            Err(refusal) => self.fail(attributes, refusal.into()).await,
        }
    }

    async fn run_command(
        &self,
        attributes: &Attributes,
        subject: &Subject,
        command: &str,
    ) -> Result<(), Refusal> {
        let settings = self.settings();
        let delimiters = &settings.extensions.delimiters;
        let filter = Some(settings.directory_filter.as_str());
        let directory = expand(&settings.directory, attributes, subject, delimiters, filter);
        if directory.failed {
            for warning in directory.warnings {
                self.log.warning(format_args!("{warning}"));
            }
            self.log.warning(format_args!(
                "bad parameter value syntax for command_execution_directory: {}",
                settings.directory
            ));
            return Err(Refusal::new(Status::new(4, 3, 5), "mail system configuration error"));
        }
        let run = match settings.shell.is_empty() {
            true => Run::Line(command.to_owned()),
            false => Run::Shell(settings.shell.clone(), command.to_owned()),
        };
        let prefix = self.headers(attributes, true, settings.delivered_header.command, false);
        let environment = self.environment(attributes, subject);
        let work = Work::Command(Box::new(Command {
            run,
            environment: settings.crew.environment(environment),
            directory: Some(directory.text).filter(|directory| !directory.is_empty()),
            copy: Copy { prefix, ..Copy::default() },
            time_limit: u32::try_from(settings.time_limit.as_secs()).unwrap_or(u32::MAX),
            agent: "local".into(),
        }));
        let rights = subject.rights(settings.default_rights);
        self.work(rights, Vec::new(), work, settings.time_limit).await.map(drop)
    }

    /// The variables that local(8) documents, with `_` for what command_expansion_filter does not
    /// let through.
    fn environment(&self, attributes: &Attributes, subject: &Subject) -> Vec<(String, String)> {
        let filter = &self.settings().command_filter;
        let (client, sasl) = (&self.request.client, &self.request.sasl);
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        [
            ("HOME", subject.home.clone()),
            ("LOGNAME", Some(attributes.user.clone())),
            ("USER", Some(attributes.user.clone())),
            ("SENDER", Some(attributes.sender.clone())),
            ("RECIPIENT", Some(attributes.address.clone())),
            ("LOCAL", Some(attributes.local.clone())),
            ("SHELL", subject.shell.clone()),
            ("DOMAIN", attributes.domain.clone()),
            ("EXTENSION", attributes.extension.clone()),
            ("ORIGINAL_RECIPIENT", known(&attributes.original)),
            ("ENVID", self.request.envid.as_deref().and_then(known)),
            ("CLIENT_HOSTNAME", known(&client.name)),
            ("CLIENT_ADDRESS", known(&client.address)),
            ("CLIENT_HELO", known(&client.helo)),
            ("CLIENT_PROTOCOL", known(&client.protocol)),
            ("SASL_METHOD", known(&sasl.method)),
            ("SASL_SENDER", known(&sasl.sender)),
            ("SASL_USERNAME", known(&sasl.username)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), filtered(&value?, filter).into_owned())))
        .collect()
    }
}
