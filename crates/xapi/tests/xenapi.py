"""The sequence of the vendor's guide, by the official client (XenAPI), against `cbt serve`.

    python3 xenapi.py CBT

The client is used as it is. What it reads is checked bit by bit, and what a virtual machine would write is marked by
`cbt store mark`.
"""

import base64
import subprocess
import sys
import tempfile
import time
import xmlrpc.client

import XenAPI

MIB = 1 << 20
BLOCK = 64 << 10

# Of a server of data, for nbd.example and *.a.example.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBmDCCAT6gAwIBAgIUFnAOJqcf3Z32KsQSrQaJg5wngnowCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDbmJkMCAXDTI2MTEyOTEzMTQ1OVoYDzIxMjYxMTA1MTMxNDU5
WjAOMQwwCgYDVQQDDANuYmQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATYqtjj
TD1os3tvaIZQ19+WQGBL/fhzFN8RhGDIHOAoO/wtSjift37og7fyVB0s1cfabHWb
uxFo7qSbRC7j4g8co3gwdjAdBgNVHQ4EFgQUKEabuAfA/JvrHwYYzxuFDKQyykEw
HwYDVR0jBBgwFoAUKEabuAfA/JvrHwYYzxuFDKQyykEwDwYDVR0TAQH/BAUwAwEB
/zAjBgNVHREEHDAaggtuYmQuZXhhbXBsZYILKi5hLmV4YW1wbGUwCgYIKoZIzj0E
AwIDSAAwRQIhAJhYEflk+e6sjEeY6lkKhclwzBig0cqtBEb4W75x+ByPAiBNOIjm
JeGn4mnGsI2jkHXeKreyYAhzuzeyUfVWJeSneA==
-----END CERTIFICATE-----
"""


def changed(answer):
    """The blocks of a bitmap: the first one is the most significant bit of the first byte."""
    bits = base64.b64decode(answer, validate=True)
    return [i for i in range(len(bits) * 8) if bits[i // 8] >> (7 - i % 8) & 1]


def fails(code, call, *arguments):
    """The parameters of the error that a call has to end with."""
    try:
        result = call(*arguments)
    except XenAPI.Failure as failure:
        assert failure.details[0] == code, failure.details
        return failure.details[1:]
    raise AssertionError(f"{code} was expected, not {result!r}")


def sequence(cbt, folder, url, password):
    session = XenAPI.Session(url, ignore_ssl=True)
    details = fails("SESSION_AUTHENTICATION_FAILED", session.xenapi.login_with_password, "root", "wrong", "1.0", "test")
    assert details[0] == "root", details
    session.xenapi.login_with_password("root", password, "1.0", "test")
    api = session.xenapi

    sr = api.SR.get_all()[0]
    disk = api.VDI.create({"name_label": "disk", "virtual_size": str(64 * MIB), "SR": sr, "type": "user"})
    uuid = api.VDI.get_uuid(disk)
    assert api.VDI.get_by_uuid(uuid) == disk
    assert int(api.VDI.get_virtual_size(disk)) == 64 * MIB
    assert api.VDI.get_cbt_enabled(disk) is False
    api.VDI.enable_cbt(disk)
    assert api.VDI.get_cbt_enabled(disk) is True

    def write(block):
        where = ["--offset", str(block * BLOCK), "--length", "1"]
        subprocess.run([cbt, "store", "mark", folder, uuid, *where], check=True)

    base = api.VDI.snapshot(disk)
    for block in (0, 1, 8, 1023):
        write(block)
    older = api.VDI.snapshot(disk)
    assert changed(api.VDI.list_changed_blocks(base, older)) == [0, 1, 8, 1023]
    record = api.VDI.get_record(older)
    assert record["snapshot_of"] == disk and record["is_a_snapshot"] and record["cbt_enabled"]
    assert record["snapshot_time"] != record["uuid"] and record["type"] == "user"
    assert sorted(api.VDI.get_snapshots(disk)) == sorted([base, older])

    # The data of a snapshot is destroyed once it was read. What changed can be listed all the same.
    api.VDI.data_destroy(base)
    assert api.VDI.get_type(base) == "cbt_metadata"
    assert changed(api.VDI.list_changed_blocks(base, older)) == [0, 1, 8, 1023]
    write(500)
    newer = api.VDI.snapshot(disk)
    assert changed(api.VDI.list_changed_blocks(older, newer)) == [500]
    assert changed(api.VDI.list_changed_blocks(base, newer)) == [0, 1, 8, 500, 1023]

    # The same in a task.
    task = session.xenapi.Async.VDI.list_changed_blocks(base, newer)
    while api.task.get_status(task) == "pending":
        time.sleep(0.01)
    record = api.task.get_record(task)
    assert record["status"] == "success", record
    result = record["result"]
    assert result.startswith("<value>") and result.endswith("</value>"), result
    assert changed(result[len("<value>") : -len("</value>")]) == [0, 1, 8, 500, 1023]
    api.task.destroy(task)
    fails("HANDLE_INVALID", api.task.get_record, task)

    # The errors.
    listing = api.VDI.list_changed_blocks
    for arguments, reason in (((newer, newer), "same"), ((newer, older), "unrelated")):
        details = fails("SR_BACKEND_FAILURE_460", listing, *arguments)
        expected = f"Failed to calculate changed blocks for given VDIs. [opterr=Source and target VDI are {reason}]"
        assert details[:2] == ["", expected], details
    assert fails("HANDLE_INVALID", listing, "OpaqueRef:NULL", newer) == ["VDI", "OpaqueRef:NULL"]
    assert fails("UUID_INVALID", api.VDI.get_by_uuid, "none") == ["VDI", "none"]
    set_consistent = [cbt, "store", "set", folder, uuid, "--consistent"]
    subprocess.run([*set_consistent, "false"], check=True)
    assert fails("VDI_IN_USE", listing, base, disk) == [disk, "list_changed_blocks"]
    subprocess.run([*set_consistent, "true"], check=True)
    log = f"{folder}/{uuid}.cbtlog"
    with open(log, "r+b") as file:
        whole = file.read()
        file.truncate(len(whole) - 1)
    details = fails("SR_BACKEND_FAILURE_459", listing, base, disk)
    text = "Changed block tracking log is in an inconsistent state. [opterr=Inconsistent bitmaps]"
    assert details[:2] == ["", text], details
    with open(log, "wb") as file:
        file.write(whole)
    api.VDI.disable_cbt(disk)
    fails("SR_BACKEND_FAILURE_460", listing, base, disk)
    fails("MESSAGE_METHOD_UNKNOWN", api.VDI.update, disk)
    fails("MESSAGE_PARAMETER_COUNT_MISMATCH", api.VDI.get_uuid)

    # Disks without tracking have no changes to tell, and a snapshot that goes leaves its changes to the next.
    api.VDI.destroy(older)
    assert changed(api.VDI.list_changed_blocks(base, newer)) == [0, 1, 8, 500, 1023]
    around_a_listing(session, disk, newer)
    reference = session._session
    session.xenapi.session.logout()
    other = XenAPI.Session(url, ignore_ssl=True)
    other._session = reference
    # The client makes this of SESSION_INVALID, since it has no password to log in again with.
    try:
        raise AssertionError(other.xenapi.VDI.get_all())
    except xmlrpc.client.Fault as fault:
        assert fault.faultCode == 401, fault


def around_a_listing(session, disk, snapshot):
    """The calls of the vendor's samples and of backup tools before and after a listing."""
    api = session.xenapi
    handle = session.handle
    host = api.session.get_this_host(handle)
    assert api.pool.get_master(api.pool.get_all()[0]) == host
    assert api.session.get_is_local_superuser(handle) is True
    assert api.session.get_rbac_permissions(handle) == []
    record = api.session.get_record(handle)
    assert record["originator"] == "test" and isinstance(record["last_active"], xmlrpc.client.DateTime), record
    software = api.host.get_software_version(host)
    assert [int(part) for part in software["xapi"].split(".")] >= [1, 20], software

    assert fails("UUID_INVALID", api.VM.get_by_uuid, "none") == ["VM", "none"]
    assert api.VM.get_by_name_label("machine") == [] and api.VM.get_all_records() == {}
    assert fails("HANDLE_INVALID", api.VM.get_VBDs, "none") == ["VM", "none"]
    assert fails("HANDLE_INVALID", api.VBD.get_VDI, "none") == ["VBD", "none"]
    assert fails("HANDLE_INVALID", api.VM.snapshot, "none", "name") == ["VM", "none"]
    assert api.message.get_all_records() == {}
    (plugin,) = api.SM.get_all_records().values()
    assert "VDI_CONFIG_CBT" in plugin["features"] and plugin["type"] == api.SR.get_type(api.VDI.get_SR(disk))
    assert api.SR.scan(api.VDI.get_SR(disk)) == ""

    assert api.VDI.get_snapshot_of(snapshot) == disk
    api.VDI.add_to_other_config(snapshot, "backup", "<1 & 2>")
    fails("MAP_DUPLICATE_KEY", api.VDI.add_to_other_config, snapshot, "backup", "2")
    api.VDI.set_name_label(snapshot, "näme")
    api.VDI.set_name_description(snapshot, "text")
    api.VDI.add_tags(snapshot, "backup")
    # `not` takes all that follows.
    where = 'field "is_a_snapshot" = "true" and field "name__label" = "näme" and not field "other_config" = "()"'
    ((reference, record),) = api.VDI.get_all_records_where(where).items()
    assert reference == snapshot and record["other_config"] == {"backup": "<1 & 2>"}, record
    assert record["tags"] == ["backup"] and record["name_description"] == "text", record
    api.VDI.remove_from_other_config(snapshot, "backup")
    assert api.VDI.get_other_config(snapshot) == {}
    assert fails("INVALID_VALUE", api.VDI.get_all_records_where, "field uuid")[0] == "field uuid"

    api.VDI.resize(disk, str(65 * MIB))
    assert api.VDI.get_virtual_size(disk) == str(65 * MIB)
    details = fails("SR_BACKEND_FAILURE_79", api.VDI.resize, disk, str(64 * MIB))
    assert details == ["", "VDI Invalid size [opterr=shrinking not allowed]", ""], details

    (info,) = api.VDI.get_nbd_info(snapshot)
    path = f"/{api.VDI.get_uuid(snapshot)}?session_id={handle}"
    assert (info["exportname"], info["address"], info["port"]) == (path, "127.0.0.1", "10809"), info
    assert info["cert"] == CERTIFICATE and info["subject"] == "nbd.example", info

    task = api.task.create("backup", "of a disk")
    api.task.set_progress(task, 0.5)
    api.task.set_status(task, "success")
    assert api.task.get_progress(task) == 0.5 and api.task.get_status(task) == "success"
    api.task.destroy(task)


def main():
    cbt = sys.argv[1]
    for tls in ([], ["--tls"]):
        with tempfile.TemporaryDirectory() as folder:
            certificate = f"{folder}/nbd.pem"
            with open(certificate, "w") as file:
                file.write(CERTIFICATE)
            data = ["--nbd", "127.0.0.1:10809", "--nbd-certificate", certificate]
            command = [cbt, "serve", "--store", folder, "--listen", "127.0.0.1:0", *tls, *data]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
                told = dict(server.stdout.readline().split() for _ in range(3))
                server.stdout.close()
                try:
                    sequence(cbt, folder, told["url"], told["password"])
                finally:
                    server.terminate()
            assert server.returncode == 0, server.returncode
            print(f"XenAPI {told['url'].split(':')[0]}: ok")


main()
