"""Every form of a hash that an import brings is verified; none can stop the server."""

from __future__ import annotations

import base64
import hashlib
import time

import pytest
from argon2 import PasswordHasher, Type
from hypothesis import given
from hypothesis import strategies as st

from tenantry.identity.authenticators.passwords import hashes


def b64(data):
    return base64.b64encode(data).rstrip(b"=").decode()


# Of other implementations and of specifications: password, hash.
KNOWN = {
    "argon2id": (  # github.com/P-H-C/phc-winner-argon2, src/test.c
        "password",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ),
    "argon2i of version 1.0": (
        "password",
        "$argon2i$m=256,t=2,p=2$c29tZXNhbHQ$tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs",
    ),
    "bcrypt": ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    "bcrypt of libxcrypt": (
        "rasmuslerdorf",
        "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq",
    ),
    "bcrypt with bits that do not count": (
        "rasmuslerdorf",
        "$2y$07$BCryptRequires22Chrctf/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq",
    ),
    "scrypt, RFC 7914 section 12": (
        "pleaseletmein",
        f"$scrypt$ln=14,r=8,p=1${b64(b'SodiumChloride')}$"
        + b64(
            bytes.fromhex(
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
            )
        ),
    ),
    "scrypt of passlib": (
        "password",
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
    ),
    "scrypt of libsodium": (
        "pleaseletmein",
        "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
    ),
    "pbkdf2, RFC 6070": (
        "password",
        f"$pbkdf2$4096${b64(b'salt')}$"
        + b64(bytes.fromhex("4b007901b765489abead49d926f721d065a429c1")),
    ),
    "pbkdf2 of passlib": (
        "password",
        "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
    ),
    "pbkdf2 in PHC": (
        "password",
        f"$pbkdf2-sha512$i=1000,l=64${b64(b'saltsalt')}$"
        + b64(hashlib.pbkdf2_hmac("sha512", b"password", b"saltsalt", 1000)),
    ),
}
SALT = base64.b64encode(b"s" * 16).decode()


@pytest.mark.parametrize(("password", "text"), KNOWN.values(), ids=KNOWN.keys())
def test_a_hash_of_others_is_verified(password, text):
    assert hashes.problem(text) == ""
    assert hashes.verify(password.encode(), text)
    for wrong in (password + "x", password[:-1], password.swapcase(), ""):
        assert not hashes.verify(wrong.encode(), text)


@pytest.mark.parametrize("type_", Type)
def test_argon2_of_any_type_and_parameters(type_):
    made = PasswordHasher(1, 64, 2, hash_len=24, salt_len=8, type=type_).hash("password1")
    for text in (made, made + "=", made.replace("$v=19", "")):
        assert hashes.problem(text) == ""
    assert hashes.verify(b"password1", made)
    assert not hashes.verify(b"password2", made)
    assert not hashes.verify(b"password1", made.replace("$v=19", ""))


def test_padding_of_base64_is_no_matter():
    made = PasswordHasher(1, 64, 1, hash_len=16, salt_len=16).hash("password1")
    start, salt, known = made.rsplit("$", 2)
    assert hashes.verify(b"password1", f"{start}${salt}==${known}==")


def test_bcrypt_reads_72_bytes_and_takes_longer_ones():
    import bcrypt

    made = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4)).decode()
    assert hashes.verify(b"a" * 72, made)
    assert hashes.verify(b"a" * 100, made)
    assert not hashes.verify(b"a" * 71, made)
    assert not hashes.verify(b"a" * 71 + b"b", made)


DEAR = [
    f"$argon2id$v=19$m=262145,t=1,p=1${SALT}${SALT}",
    f"$argon2id$v=19$m=262144,t=5,p=1${SALT}${SALT}",
    f"$argon2id$v=19$m=4096,t=999999999,p=1${SALT}${SALT}",
    f"$argon2id$v=19$m=65536,t=1,p=17${SALT}${SALT}",
    f"$argon2id$v=19$m=7,t=1,p=1${SALT}${SALT}",
    f"$argon2id$v=19$m=64,t=0,p=1${SALT}${SALT}",
    f"$argon2id$v=19$m=64,t=1,p=0${SALT}${SALT}",
    f"$argon2id$v=19$m={'9' * 5000},t=1,p=1${SALT}${SALT}",
    "$2b$16$" + "a" * 53,
    "$2b$03$" + "a" * 53,
    "$2b$99$" + "a" * 53,
    f"$scrypt$ln=19,r=8,p=1${SALT}${SALT}",
    f"$scrypt$ln=15,r=8,p=999999${SALT}${SALT}",
    f"$scrypt$ln=99999999999,r=1,p=1${SALT}${SALT}",
    f"$scrypt$ln=0,r=8,p=1${SALT}${SALT}",
    f"$scrypt$ln=10,r=0,p=1${SALT}${SALT}",
    f"$7$zzzzzzzzzzzsalt${'a' * 43}",
    f"$7$C.....6....salt${'a' * 43}",
    f"$pbkdf2-sha256$5000001${SALT}${SALT}",
    f"$pbkdf2-sha256$i=999999999999999,l=32${SALT}${SALT}",
    f"$pbkdf2$4000000${SALT}${b64(b'k' * 300)}",
    f"$pbkdf2-sha512$i=100,l=99999999999${SALT}${SALT}",
    f"$pbkdf2-sha256$0${SALT}${SALT}",
]


@pytest.mark.parametrize("text", DEAR)
def test_what_asks_for_too_much_costs_nothing(text):
    start = time.process_time()
    assert hashes.problem(text) == hashes.TOO_DEAR
    assert not hashes.verify(b"password", text)
    assert time.process_time() - start < 5


_NUMBERS = st.integers(min_value=0, max_value=6).map(str) | st.sampled_from(["64", "1000"])
_PARTS = st.text("ABab01./+=$", max_size=60)
_SPELLED = st.builds(
    lambda start, m, t, p, salt, rest: (
        start.replace("M", m).replace("T", t).replace("P", p) + salt + "$" + rest
    ),
    st.sampled_from(
        [
            "$argon2id$v=19$m=M,t=T,p=P$",
            "$argon2d$m=M,t=T,p=P$",
            "$scrypt$ln=M,r=T,p=P$",
            "$7$4M..../....",
            "$pbkdf2-sha1$T$",
            "$pbkdf2-sha384$i=T,l=M$",
            "$2b$04$",
        ]
    ),
    *(_NUMBERS, _NUMBERS, _NUMBERS, _PARTS, _PARTS),
)


@given(text=_SPELLED | st.text("$0123456789abcdefilmnoprst=,./", max_size=80), word=st.binary())
def test_whatever_looks_like_a_hash_is_answered(text, word):
    assert hashes.problem(text) in {"", hashes.FORMS, hashes.TOO_DEAR}
    assert not hashes.verify(word, text)
