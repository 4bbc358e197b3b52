"""Passwords of one cloud: random, each in a file of its own (0600), and put into Keystone's tables before Keystone starts."""

import os
import secrets
import string
from pathlib import Path

import bcrypt

from devcloud import people, postgres
from devcloud.cloud import Cloud

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 32
#: The lowest that bcrypt knows: a random password of this length needs no slow hash.
_ROUNDS = 4


def read(cloud: Cloud) -> dict[str, str]:
    return {user: (cloud.passwords / user).read_text().strip() for user in people.USERS}


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read, at no instant readable by others or half written."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    aside.replace(path)


def generate(cloud: Cloud) -> dict[str, str]:
    """Make new passwords for all users and write their files."""
    made = {user: "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for user in people.USERS}
    for user, password in made.items():
        write_private(cloud.passwords / user, password + "\n")
    return made


def put_into_keystone(cloud: Cloud, passwords: dict[str, str]) -> None:
    """Make these the passwords in Keystone's database; Keystone must not be running (it caches)."""
    connection = postgres.connect(cloud, "keystone")
    try:
        cursor = connection.cursor()
        for user, password in passwords.items():
            hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()
            cursor.execute(
                "UPDATE password SET password_hash = %s FROM local_user WHERE local_user.id = password.local_user_id AND local_user.name = %s",
                (hashed, user),
            )
    finally:
        connection.close()


def write_clouds_yaml(cloud: Cloud, passwords: dict[str, str]) -> None:
    write_private(cloud.clouds_yaml, people.clouds_yaml(cloud, passwords))
