"""postfix tls: settings of client and server, keys, certificates, signing requests and TLSA records, and what is refused."""


def run(t):
    def say(command):
        t.logs.clear(); t.sh(command + " 2>/dev/null"); t.log(r"(error|fatal|warning): ")
    t.main(myhostname="mail.example.test")
    tls = "postconf -n | grep '^smtpd*_tls_' | sed -E 's/[0-9]{8}-[0-9]{6}/STAMP/g; s/(btree|lmdb):/TYPE:/'"
    t.title("command lines")
    for c in ("tls", "tls frobnicate", "tls enable-client x", "tls enable-client -z", "tls enable-server -a dsa", "tls new-server-key -z", "tls deploy-server-cert a",
              "tls all-default-client x", "tls output-server-csr -z", "tls output-server-csr", "tls output-server-tlsa", "tls output-server-tlsa main.cf", "tls new-server-cert -a x"):
        say(f"postfix {c}")
    t.title("client"); t.sh(f"postfix tls all-default-client && postfix tls enable-client 2>/dev/null; {tls}; postfix tls all-default-client || echo set")
    t.title("server"); t.sh(f"postfix tls all-default-server && postfix tls enable-server -a ecdsa a.example.test b.example.test 2>/dev/null; {tls}; postfix tls all-default-server || echo set")
    t.sh("cd /etc/postfix; stat -c '%A %U' ec*; openssl x509 -in eccert-*.pem -noout -subject -ext subjectAltName,extendedKeyUsage,basicConstraints; openssl pkey -in eckey-*.pem -noout -text | grep -E 'ASN1|NIST'")
    t.sh(f"postfix tls enable-server 2>/dev/null; {tls}")
    t.title("more keys"); t.sh("sleep 1.1; postfix tls new-server-key 2>/dev/null; cd /etc/postfix; ls | sed -nE 's/[0-9]{8}-[0-9]{6}/STAMP/p'; openssl x509 -in cert-*.pem -noout -subject -ext subjectAltName; openssl rsa -in key-*.pem -noout -text | head -1")
    t.sh(f"cd /etc/postfix; mv key-*.pem k; mv cert-*.pem c; postfix tls deploy-server-cert c k 2>/dev/null; {tls}")
    t.sh("cd /etc/postfix; cp eckey-* e"); say("postfix tls deploy-server-cert c e")
    say("postfix tls deploy-server-cert nosuch k"); say("postfix tls deploy-server-cert c nosuch")
    t.title("the same key"); t.sh("postfix tls new-server-cert x.example.test 2>/dev/null; cd /etc/postfix; cmp <(openssl pkey -in k -pubout) <(openssl pkey -in key-*.pem -pubout) && openssl x509 -in cert-*.pem -noout -subject")
    t.title("for others"); t.sh("postfix tls output-server-csr -k ecdsa | openssl req -noout -text | grep -E 'Subject:|DNS|TLS Web'; postfix tls output-server-csr -k k q.example.test | openssl req -noout -text | grep -E 'Public-Key|DNS'")
    t.sh("postfix tls output-server-tlsa | sed -E 's/[0-9]{8}-[0-9]{6}/STAMP/; s/[0-9a-f]{64}/DIGEST/'; postfix tls output-server-tlsa -h h.example.test k | sed -E 's/[0-9a-f]{64}/DIGEST/'; "
         "test \"$(postfix tls output-server-tlsa k | sed -n 's/.* //; 2p')\" = \"$(openssl x509 -in /etc/postfix/c -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)\" && echo same digest")
