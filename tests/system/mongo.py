"""A stand-in for MongoDB: as much of its wire protocol as a driver needs to log in, to find documents, and to fetch them in
batches. It compares fields with strings and nothing else: a filter of any other form is an error that the test sees.

No server could be had from the package registries; bson, the encoding of documents, is that of MongoDB's own Python driver.
"""
import struct

import bson

GREETING = dict(ismaster=True, isWritablePrimary=True, helloOk=True, maxBsonObjectSize=16777216, maxMessageSizeBytes=48000000, maxWriteBatchSize=100000,
                minWireVersion=0, maxWireVersion=21, ok=1.0)


class Peer:
    """documents: of the one collection. batch: how many go into one answer."""

    def __init__(self, documents, batch=2):
        self.documents, self.batch = documents, batch
        self.index = {}
        for document in documents:
            self.index.setdefault(document["address"], []).append(document)
        self.filters, self.cursors, self.next_cursor = [], {}, 1

    def talk(self, source, sink):
        while True:
            head = source.read(16)
            if len(head) < 16:
                return
            length, request, _, code = struct.unpack("<iiii", head)
            body = source.read(length - 16)
            if code == 2004:  # the greeting of drivers that do not know the server yet
                at = body.index(b"\0", 4) + 1 + 8
                answer = self.answer(bson.decode(body[at:]))
                data = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(answer)
                sink.write(struct.pack("<iiii", 16 + len(data), 0, request, 1) + data)
            elif code == 2013:
                assert body[4] == 0, "one document"
                answer = self.answer(bson.decode(body[5:5 + struct.unpack("<i", body[5:9])[0]]))
                data = struct.pack("<IB", 0, 0) + bson.encode(answer)
                sink.write(struct.pack("<iiii", 16 + len(data), 0, request, 2013) + data)
            else:
                return
            sink.flush()

    def answer(self, command):
        name = next(iter(command))
        if name.lower() in ("ismaster", "hello"):
            return GREETING
        if name == "find":
            return self.find(command)
        if name == "getMore":
            rest = self.cursors.pop(command["getMore"])
            return self.cursor(rest, command["collection"], "nextBatch")
        if name == "saslStart":
            return dict(ok=0.0, errmsg="Authentication failed.", code=18, codeName="AuthenticationFailed")
        return dict(ok=1.0)

    def find(self, command):
        wanted = command["filter"]
        self.filters.append(wanted)
        if "bad" in wanted:
            return dict(ok=0.0, errmsg="unknown operator: $nonsense", code=2, codeName="BadValue")
        conditions = wanted.get("$or", [wanted])
        if any(list(condition) != ["address"] or not isinstance(condition["address"], str) for condition in conditions):
            return dict(ok=0.0, errmsg=f"this is no filter of the test: {wanted}", code=2, codeName="BadValue")
        fields = [name for name, shown in command["projection"].items() if shown]
        assert command["projection"]["_id"] == 0
        found = [document for condition in conditions for document in self.index.get(condition["address"], [])]
        return self.cursor([{name: document[name] for name in fields if name in document} for document in found], command["find"], "firstBatch")

    def cursor(self, documents, collection, what):
        batch, rest = documents[:self.batch], documents[self.batch:]
        number = 0
        if rest:
            number, self.next_cursor = self.next_cursor, self.next_cursor + 1
            self.cursors[number] = rest
        return dict(cursor={what: batch, "id": bson.Int64(number), "ns": f"mail.{collection}"}, ok=1.0)
