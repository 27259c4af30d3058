//! Parameters of TLS in general, tlsmgr(8) and tlsproxy(8).

use crate::config::parameter::kinds::{Bool, Int, NBool, NInt, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// The OpenSSL command that postfix tls uses.
    openssl_path: Text = "openssl", Limits::at_least(1);
    /// Whether the system's authorities are trusted besides those that are named.
    tls_append_default_CA: Bool = "no";
    /// A configuration file of OpenSSL; not used by this TLS implementation.
    tls_config_file: Text = "default";
    /// A section of such a file; not used by this TLS implementation.
    tls_config_name: Text = "";
    /// How many random bytes a process asks tlsmgr(8) for.
    tls_daemon_random_bytes: Int = "32", Limits::at_least(1);
    /// Digests of TLSA records, best first.
    tls_dane_digests: Text = "sha512 sha256", Limits::at_least(1);
    /// Workarounds of OpenSSL to leave out.
    tls_disable_workarounds: Text = "";
    /// Groups for key exchange, best first.
    tls_eecdh_auto_curves: Text = "?X25519MLKEM768:DEFAULT";
    /// The curve of the grade `strong`.
    tls_eecdh_strong_curve: Text = "prime256v1";
    /// The curve of the grade `ultra`.
    tls_eecdh_ultra_curve: Text = "secp384r1";
    /// Ciphers of the grade `export`.
    tls_export_cipherlist: Text = "";
    /// Whether a TLS session is closed without waiting for the other side.
    tls_fast_shutdown_enable: Bool = "yes";
    /// Finite-field groups for key exchange, best first.
    tls_ffdhe_auto_groups: Text = "";
    /// Ciphers of the grade `high`.
    tls_high_cipherlist: Text = "aNULL:-aNULL:HIGH:!SEED:!IDEA:!3DES:!RC2:!RC4:!RC5:!kDH:!kECDH:!aDSS:!MD5:@STRENGTH", Limits::at_least(1);
    /// Ciphers of the grade `low`.
    tls_low_cipherlist: Text = "";
    /// Ciphers of the grade `medium`.
    tls_medium_cipherlist: Text = "aNULL:-aNULL:HIGH:MEDIUM:!SEED:!IDEA:!3DES:!RC2:!RC4:!RC5:!kDH:!kECDH:!aDSS:!MD5:+RC4:@STRENGTH", Limits::at_least(1);
    /// Ciphers of the grade `null`.
    tls_null_cipherlist: Text = "eNULL:!kDH:!kECDH:!aDSS:!MD5:!aNULL", Limits::at_least(1);
    /// Whether the server's order of ciphers counts.
    tls_preempt_cipherlist: Bool = "no";
    /// How many random bytes tlsmgr(8) reads at a time.
    tls_random_bytes: Int = "32", Limits::at_least(1);
    /// The file in which tlsmgr(8) keeps random bytes across restarts.
    tls_random_exchange_name: Text = "${data_directory}/prng_exch";
    /// How often that file is written.
    tls_random_prng_update_period: Time = "3600s", Limits::at_least(1);
    /// How often random bytes are read anew.
    tls_random_reseed_period: Time = "3600s", Limits::at_least(1);
    /// Where random bytes come from.
    tls_random_source: Text = "dev:/dev/urandom";
    /// Whether the header `TLS-Required: no` is obeyed.
    tls_required_enable: NBool = "yes";
    /// Tables of keys and certificates by the name that a client asks for.
    tls_server_sni_maps: Text = "";
    /// The cipher of session tickets; empty gives none.
    tls_session_ticket_cipher: Text = "aes-256-cbc";
    /// Options of OpenSSL to turn on.
    tls_ssl_options: Text = "";
    /// How many traces of TLS handshakes are written in anvil_rate_time_unit; 0 means no limit.
    tls_trace_rate_limit: Int = "1";
    /// Whether a client may show a certificate that is meant for servers.
    tls_trust_server_ccerts: Bool = "no";
    /// Whether `*.example.com` matches a.b.example.com.
    tls_wildcard_matches_multiple_labels: Bool = "yes";
    /// The name of the tlsmgr(8) service in master.cf.
    tlsmgr_service_name: Text = "tlsmgr", Limits::at_least(1);
    /// As smtp_tls_CAfile, for tlsproxy(8).
    tlsproxy_client_CAfile: Text = "$smtp_tls_CAfile";
    /// As smtp_tls_CApath, for tlsproxy(8).
    tlsproxy_client_CApath: Text = "$smtp_tls_CApath";
    /// As smtp_tls_cert_file, for tlsproxy(8).
    tlsproxy_client_cert_file: Text = "$smtp_tls_cert_file";
    /// As smtp_tls_chain_files, for tlsproxy(8).
    tlsproxy_client_chain_files: Text = "$smtp_tls_chain_files";
    /// As smtp_tls_dcert_file, for tlsproxy(8).
    tlsproxy_client_dcert_file: Text = "$smtp_tls_dcert_file";
    /// As smtp_tls_dkey_file, for tlsproxy(8).
    tlsproxy_client_dkey_file: Text = "$smtp_tls_dkey_file";
    /// As smtp_tls_eccert_file, for tlsproxy(8).
    tlsproxy_client_eccert_file: Text = "$smtp_tls_eccert_file";
    /// As smtp_tls_eckey_file, for tlsproxy(8).
    tlsproxy_client_eckey_file: Text = "$smtp_tls_eckey_file";
    /// As smtp_enforce_tls, for tlsproxy(8).
    tlsproxy_client_enforce_tls: NBool = "$smtp_enforce_tls";
    /// As smtp_tls_fingerprint_digest, for tlsproxy(8).
    tlsproxy_client_fingerprint_digest: Text = "$smtp_tls_fingerprint_digest", Limits::at_least(1);
    /// As smtp_tls_key_file, for tlsproxy(8).
    tlsproxy_client_key_file: Text = "$smtp_tls_key_file";
    /// As smtp_tls_loglevel, for tlsproxy(8).
    tlsproxy_client_loglevel: Text = "$smtp_tls_loglevel";
    /// As smtp_tls_per_site, for tlsproxy(8).
    tlsproxy_client_per_site: Text = "$smtp_tls_per_site";
    /// As smtp_tls_policy_maps, for tlsproxy(8).
    tlsproxy_client_policy_maps: Text = "${tlsproxy_client_policy?{$tlsproxy_client_policy}:{$smtp_tls_policy_maps}}";
    /// As smtp_tls_scert_verifydepth, for tlsproxy(8).
    tlsproxy_client_scert_verifydepth: NInt = "$smtp_tls_scert_verifydepth";
    /// As smtp_tls_security_level, for tlsproxy(8).
    tlsproxy_client_security_level: Text = "${tlsproxy_client_level?{$tlsproxy_client_level}:{$smtp_tls_security_level}}";
    /// As smtp_use_tls, for tlsproxy(8).
    tlsproxy_client_use_tls: NBool = "$smtp_use_tls";
    /// As smtpd_enforce_tls, for tlsproxy(8).
    tlsproxy_enforce_tls: NBool = "$smtpd_enforce_tls";
    /// The name of the tlsproxy(8) service in master.cf.
    tlsproxy_service_name: Text = "tlsproxy", Limits::at_least(1);
    /// As smtpd_tls_CAfile, for tlsproxy(8).
    tlsproxy_tls_CAfile: Text = "$smtpd_tls_CAfile";
    /// As smtpd_tls_CApath, for tlsproxy(8).
    tlsproxy_tls_CApath: Text = "$smtpd_tls_CApath";
    /// As smtpd_tls_always_issue_session_ids, for tlsproxy(8).
    tlsproxy_tls_always_issue_session_ids: NBool = "$smtpd_tls_always_issue_session_ids";
    /// As smtpd_tls_ask_ccert, for tlsproxy(8).
    tlsproxy_tls_ask_ccert: NBool = "$smtpd_tls_ask_ccert";
    /// As smtpd_tls_ccert_verifydepth, for tlsproxy(8).
    tlsproxy_tls_ccert_verifydepth: NInt = "$smtpd_tls_ccert_verifydepth";
    /// As smtpd_tls_cert_file, for tlsproxy(8).
    tlsproxy_tls_cert_file: Text = "$smtpd_tls_cert_file";
    /// As smtpd_tls_chain_files, for tlsproxy(8).
    tlsproxy_tls_chain_files: Text = "$smtpd_tls_chain_files";
    /// As smtpd_tls_ciphers, for tlsproxy(8).
    tlsproxy_tls_ciphers: Text = "$smtpd_tls_ciphers", Limits::at_least(1);
    /// As smtpd_tls_dcert_file, for tlsproxy(8).
    tlsproxy_tls_dcert_file: Text = "$smtpd_tls_dcert_file";
    /// As smtpd_tls_dh1024_param_file, for tlsproxy(8).
    tlsproxy_tls_dh1024_param_file: Text = "$smtpd_tls_dh1024_param_file";
    /// As smtpd_tls_dh512_param_file, for tlsproxy(8).
    tlsproxy_tls_dh512_param_file: Text = "$smtpd_tls_dh512_param_file";
    /// As smtpd_tls_dkey_file, for tlsproxy(8).
    tlsproxy_tls_dkey_file: Text = "$smtpd_tls_dkey_file";
    /// As smtpd_tls_eccert_file, for tlsproxy(8).
    tlsproxy_tls_eccert_file: Text = "$smtpd_tls_eccert_file";
    /// As smtpd_tls_eckey_file, for tlsproxy(8).
    tlsproxy_tls_eckey_file: Text = "$smtpd_tls_eckey_file";
    /// As smtpd_tls_eecdh_grade, for tlsproxy(8).
    tlsproxy_tls_eecdh_grade: Text = "$smtpd_tls_eecdh_grade", Limits::at_least(1);
    /// As smtpd_tls_enable_rpk, for tlsproxy(8).
    tlsproxy_tls_enable_rpk: NBool = "$smtpd_tls_enable_rpk";
    /// As smtpd_tls_exclude_ciphers, for tlsproxy(8).
    tlsproxy_tls_exclude_ciphers: Text = "$smtpd_tls_exclude_ciphers";
    /// As smtpd_tls_fingerprint_digest, for tlsproxy(8).
    tlsproxy_tls_fingerprint_digest: Text = "$smtpd_tls_fingerprint_digest", Limits::at_least(1);
    /// As smtpd_tls_key_file, for tlsproxy(8).
    tlsproxy_tls_key_file: Text = "$smtpd_tls_key_file";
    /// As smtpd_tls_loglevel, for tlsproxy(8).
    tlsproxy_tls_loglevel: Text = "$smtpd_tls_loglevel";
    /// As smtpd_tls_mandatory_ciphers, for tlsproxy(8).
    tlsproxy_tls_mandatory_ciphers: Text = "$smtpd_tls_mandatory_ciphers", Limits::at_least(1);
    /// As smtpd_tls_mandatory_exclude_ciphers, for tlsproxy(8).
    tlsproxy_tls_mandatory_exclude_ciphers: Text = "$smtpd_tls_mandatory_exclude_ciphers";
    /// As smtpd_tls_mandatory_protocols, for tlsproxy(8).
    tlsproxy_tls_mandatory_protocols: Text = "$smtpd_tls_mandatory_protocols";
    /// As smtpd_tls_protocols, for tlsproxy(8).
    tlsproxy_tls_protocols: Text = "$smtpd_tls_protocols";
    /// As smtpd_tls_req_ccert, for tlsproxy(8).
    tlsproxy_tls_req_ccert: NBool = "$smtpd_tls_req_ccert";
    /// As smtpd_tls_security_level, for tlsproxy(8).
    tlsproxy_tls_security_level: Text = "$smtpd_tls_security_level";
    /// As smtpd_use_tls, for tlsproxy(8).
    tlsproxy_use_tls: NBool = "$smtpd_use_tls";
    /// How long one step of tlsproxy(8) may take.
    tlsproxy_watchdog_timeout: Time = "10s", Limits::at_least(10);
}
