"""postconf -t and -b: bounce templates, built in and from files, as they are and expanded, and files with mistakes."""
def run(t):
    t.main(delay_warning_time="90m", maximal_queue_lifetime="36h")
    t.file("bt", "# c\nfailure_template = <<EOF\nCharset: utf-8\nFrom: x <x@y>\nSubject: Nope $myhostname\nPostmaster-Subject: PS\n\nLine ä $mydomain\n  $delay_warning_time_minutes ${maximal_queue_lifetime_days} $nosuch\n\nEOF\nverify_template = <<XX\nSubject: v\n\nx\nXX\n")
    t.file("bad", "fruit_template = <<EOF\nx\nEOF\nfailure_template = <<\n")
    t.sh("postconf -t; postconf -b; postconf -t /etc/postfix/bt; postconf -b /etc/postfix/bt; postconf -b /etc/postfix/bad; postconf -t /nonexistent; postconf -t a b; postconf -t ''")
    t.main(bounce_template_file="/etc/postfix/bt"); t.sh("postconf -b | head -12; postconf -t '' | head -5")
