"""PIX work-arounds: banners that call for them, smtp_pix_workarounds, smtp_pix_workaround_maps, thresholds and delays; the log and what the server hears."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); stars = {"script": {"CONNECT": "220 ****************************************************"}}; now = {"smtp_pix_workaround_threshold_time": "0s", "smtp_pix_workaround_delay_time": "1s"}
    table = {"young": ({}, stars), "old": (now, stars), "none": ({**now, "smtp_pix_workarounds": ""}, stars), "esmtp": ({**now, "smtp_pix_workarounds": "disable_esmtp"}, stars), "dot": ({**now, "smtp_pix_workarounds": "delay_dotcrlf"}, stars),
             "bymap": ({**now, "smtp_pix_workaround_maps": "texthash:/etc/postfix/pix"}, stars), "odd": ({**now, "smtp_pix_workarounds": "disable_esmtp, nonsense"}, stars), "mixed": (now, {"script": {"CONNECT": "220 2*0**"}}), "few": (now, {"script": {"CONNECT": "220 ** host"}}), "normal": (now, {"script": {"CONNECT": "220 host ESMTP ****"}})}
    servers = onward.ways(t, table); t.file("pix", "203.0.113.15 delay_dotcrlf\n"); t.start()
    onward.each(t, "", [f"u@{n}.example" for n in table]); onward.said(t, servers); t.log("status=|PIX|pix|warning|fatal")
