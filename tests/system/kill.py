#!/usr/bin/env python3
"""kill -9 of every process at random while mail flows: every message that got 250 arrives.

Each round sends over a few sessions, ends one or more of the system's processes without warning (sometimes master too, then
starts the system again), and goes on. At the end every acknowledged message must be in its mailbox, whole. A message may come
twice where the crash hit between delivery and its record: at most once a recipient and crash.
KILL_ROUNDS sets the number of rounds (200), KILL_SEED repeats a run.
"""
import os, random, re, signal, smtplib, sys, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, can_connect, wait_for

ROUNDS = int(os.environ.get("KILL_ROUNDS", "200"))
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(1 << 32))))


class Senders:
    """Sessions that send numbered messages until told to stop, and know which were acknowledged."""

    def __init__(self, port, count):
        self.port, self.running, self.lock = port, True, threading.Lock()
        self.number, self.acknowledged = 0, []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(count)]
        for thread in self.threads: thread.start()

    def next(self):
        with self.lock:
            self.number += 1
            return self.number

    def run(self):
        while self.running:
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                    for _ in range(20):
                        if not self.running: return
                        number = self.next()
                        body = f"number {number}\n" + f"{number} " * (number % 300) + f"\nend {number}\n"
                        client.sendmail("me@example.org", [f"user{number % 10}@box.test"], f"X-Number: {number}\n\n{body}")
                        with self.lock: self.acknowledged.append((number, body))
                        time.sleep(0.002)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.02)  # the process that served us has just been killed

    def stop(self):
        self.running = False
        for thread in self.threads: thread.join(20)


def every_acknowledged_message_arrives():
    chance = random.Random(SEED)
    print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
    main_cf = {"minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s", "smtpd_error_sleep_time": "0",
               "smtpd_client_connection_rate_limit": "0", "service_throttle_time": "1s", "transport_retry_time": "1s"}
    with System(main_cf) as system:
        senders = Senders(system.port, 4)
        for round_number in range(ROUNDS):
            time.sleep(chance.uniform(0.02, 0.25))
            processes = system.processes()
            if not processes: continue
            victims = processes if chance.random() < 0.05 else [chance.choice(processes)]
            for pid in victims:
                try: os.kill(pid, signal.SIGKILL)
                except ProcessLookupError: pass
            if processes[0] in victims:
                wait_for(lambda: system.command("postfix", "-c", system.etc, "start").returncode == 0, "a new start", system, 30)
        senders.stop()
        wait_for(lambda: can_connect(system.port), "the SMTP port", system)
        wait_for(system.queue_is_empty, "an empty queue", system, 120)
        arrived = {}
        for n in range(10):
            for path in system.maildir(f"user{n}"):
                text = path.read_text()
                number = int(re.search(r"^X-Number: (\d+)$", text, re.M).group(1))
                arrived.setdefault(number, []).append(text.split("\n\n", 1)[1])
        lost = [number for number, _ in senders.acknowledged if number not in arrived]
        assert not lost, f"lost: {lost[:20]} of {len(senders.acknowledged)} (seed {SEED})"
        for number, body in senders.acknowledged:
            for copy in arrived[number]:
                assert copy == body, f"message {number} is torn (seed {SEED})"
        twice = sum(len(copies) > 1 for copies in arrived.values())
        print(f"{len(senders.acknowledged)} acknowledged, all arrived; {twice} came more than once")


if __name__ == "__main__":
    main(every_acknowledged_message_arrives, patient=False)
