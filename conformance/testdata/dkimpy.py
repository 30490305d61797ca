"""Signs and verifies with dkimpy: a JSON object a line, each answered by one.

The arguments are address and port of the name server that has the keys.
Messages and fields are strings with one character for each byte.
"""

import json
import sys

import authres  # dkimpy needs it for ARC, and says so only when it seals
import dkim
import dns.resolver

CODE = "latin-1"


def verify(message):
    d = dkim.DKIM(message)
    fields = [name for name, _ in d.headers if name.lower() == b"dkim-signature"]
    verdicts = {}
    for i in range(len(fields)):
        try:
            ok = d.verify(idx=i)
        except dkim.DKIMException:
            ok = False
        verdicts[d.selector.decode(CODE)] = "pass" if ok else "fail"
    return {"verdicts": verdicts}


def sign(message, key, length):
    d = dkim.DKIM(message, signature_algorithm=key["algorithm"])
    field = d.sign(
        key["selector"], key["domain"], key["private"],
        canonicalize=(key["header"], key["body"]), length=length,
    )
    return {"fields": field.decode(CODE)}


def validate(message):
    result, sets, reason = dkim.ARC(message).verify()
    # None stands for a chain that a sealer has ended.
    return {
        "result": (result or dkim.CV_Fail).decode(CODE),
        "sets": [bool(s["ams-valid"] and s["as-valid"]) for s in reversed(sets)],
        "reason": reason,
    }


def seal(message, key, service):
    fields = dkim.ARC(message).sign(key["selector"], key["domain"], key["private"], service)
    return {"fields": b"".join(fields).decode(CODE)}


def answer(request):
    message = request["message"].encode(CODE)
    key = {name: value.encode(CODE) for name, value in request["key"].items()}
    op = request["op"]
    if op == "verify":
        return verify(message)
    if op == "sign":
        return sign(message, key, request["length"])
    if op == "validate":
        return validate(message)
    return seal(message, key, request["service"].encode(CODE))


def main():
    r = dns.resolver.Resolver(configure=False)
    r.nameservers, r.port = [sys.argv[1]], int(sys.argv[2])
    r.cache = dns.resolver.Cache()
    dns.resolver.default_resolver = r
    print("{}", flush=True)  # all that is imported is there
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as e:
            reply = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(reply), flush=True)


main()
