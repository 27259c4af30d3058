"""postconf -l, -T, -d of sizes and times, and values of wrong kinds that postconf shows as they are."""


def run(t):
    t.sh("postconf -l; postconf -l x; postconf -T public-key-algorithms | grep -xE 'rsa'; postconf -T nosuch; postconf -T compile-version -T run-version")
    t.sh("postconf -d delay_warning_time maximal_queue_lifetime message_size_limit smtpd_recipient_limit line_length_limit smtp_connect_timeout queue_run_delay in_flow_delay smtpd_timeout lmtp_connection_cache_time_limit")
    t.sh("postconf -dh recipient_delimiter relayhost soft_bounce smtputf8_enable unknown_local_recipient_reject_code smtpd_relay_restrictions home_mailbox")
    t.main(delay_warning_time="soon", message_size_limit="much", soft_bounce="maybe"); t.sh("postconf -h delay_warning_time message_size_limit soft_bounce; postconf -n | grep -cE 'soon|much|maybe'")
    t.sh("postconf -dxh mydestination | grep -c '\\$'; postconf -d | wc -l | grep -c '[0-9][0-9][0-9]'; postconf -d | sort -c && echo sorted; postconf -d no_such_parameter relayhost; postconf -n no_such_parameter")
    t.sh("postconf -h relayhost; postconf -e relayhost=x", user="alice")
