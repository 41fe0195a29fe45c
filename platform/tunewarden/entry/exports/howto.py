"""`HOWTO-VERIFY.txt`: how to verify this very bundle with unzip, sha256sum and openssl, and with the auditor's tool.

Lines that begin with four spaces are commands; the tests run them on a real bundle, and see a changed byte fail.
"""

from tunewarden.domain.events import ModelRegistered
from tunewarden.entry.report.facts import only
from tunewarden.usecases.reports import Lineage
from tunewarden_audit.bundle import entry_name, proof_name
from tunewarden_audit.note import load_key

_BEGIN = """\
How to verify this bundle: {model}

The quick way, with the auditor's tool (it needs Python 3.10 or later and the library cryptography, and no network):
  pip install tunewarden-audit
  tunewarden-audit verify BUNDLE --key VKEY [--since CHECKPOINT] [--witness VKEY]

The rest of this page is the same by hand, with unzip, sha256sum and openssl 3. Set BUNDLE to the file and VKEY to the
log's public key. Take the key from the log's owner over another channel than this bundle. Of the key in vkey.txt the
fingerprint, to be compared over the telephone or on paper, is
  {fingerprint}
Run the commands in the order in which they stand, in one shell and in an empty folder. Each must succeed.

1. The files are the ones that the manifest lists.

    unzip -q "$BUNDLE" -d bundle && cd bundle
    sha256sum --check --strict --quiet MANIFEST.sha256

2. The log signed the tree head: "Signature Verified Successfully". (The fixed bytes make an Ed25519 public key of the
   last 32 bytes of the vkey, RFC 8410.)

    sed '/^$/,$d' checkpoint > ../head
    sed '1,/^$/d' checkpoint | head -n 1 | cut -d' ' -f3 | base64 -d | tail -c 64 > ../head.sig
    printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000' > ../log.der
    printf %s "$VKEY" | cut -d+ -f3- | base64 -d | tail -c 32 >> ../log.der
    openssl pkeyutl -verify -pubin -keyform DER -inkey ../log.der -rawin -in ../head -sigfile ../head.sig

3. The hash of a leaf: that of the entry which registers the model. From it, the hashes in
   {proof} lead to the root, which is line 3 of the tree head (RFC 9162 section 2.1.3.2:
   the tool does this for every entry).

    (printf '\\000'; cat {entry}) | sha256sum
"""

_SIGNED = """
4. That entry names the adapter and the three attestations.

    grep -q '"adapter":"sha256:{adapter}"' {entry}
    grep -q "\\"signature\\":\\"sha256:$(sha256sum < attestations/model.sig | cut -d' ' -f1)\\"" {entry}
    grep -q "\\"statement\\":\\"sha256:$(sha256sum < attestations/provenance.dsse.json | cut -d' ' -f1)\\"" {entry}
    grep -q "\\"release_key\\":\\"sha256:$(sha256sum < attestations/release-key.pem | cut -d' ' -f1)\\"" {entry}

5. The release key signed how the adapter came to be: "Verified OK". (DSSE signs the type and length of the statement
   with it.) The statement names the adapter.

    sed 's/.*"payload": *"\\([^"]*\\)".*/\\1/' attestations/provenance.dsse.json | base64 -d > ../statement
    sed 's/.*"sig": *"\\([^"]*\\)".*/\\1/' attestations/provenance.dsse.json | base64 -d > ../statement.sig
    printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < ../statement)" > ../statement.pae
    cat ../statement >> ../statement.pae
    openssl dgst -sha256 -verify attestations/release-key.pem -signature ../statement.sig ../statement.pae
    grep -q '"sha256":"{adapter}"' ../statement

6. The release key signed the adapter: "Verified OK".

    sed 's/.*"payload": *"\\([^"]*\\)".*/\\1/' attestations/model.sig | base64 -d > ../model
    sed 's/.*"sig": *"\\([^"]*\\)".*/\\1/' attestations/model.sig | base64 -d > ../model.sig
    printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < ../model)" > ../model.pae
    cat ../model >> ../model.pae
    openssl dgst -sha256 -verify attestations/release-key.pem -signature ../model.sig ../model.pae
    grep -q '{adapter}' ../model

7. If you have the adapter: it is not in the bundle. Put it alone into a folder `adapter`, named adapter.safetensors.
   Its SHA-256 is
     {adapter}
   and whoever has the package model-signing (OpenSSF Model Signing) checks the signature too:
     model_signing verify key adapter --signature attestations/model.sig --public_key attestations/release-key.pem
"""

_UNSIGNED = """
4. There are no attestations: this model was registered before releases were signed.
"""

_END = """
What this does not show: that the log holds nothing else about this model, that what was logged is true, or that
everybody was shown the same log. Keep the file `checkpoint`: with --since it shows a log that was cut or rewritten
afterwards. report.html, model-card.md and ml-bom.cdx.json are reading aids; the entries are the evidence.
"""


def howto(lineage: Lineage, *, vkey: str) -> bytes:
    """ASCII text; the same lineage and key give the same bytes."""
    made, index = only(lineage.report.model, ModelRegistered), lineage.report.model.index
    signed = _UNSIGNED if made.release_key is None else _SIGNED
    text = (_BEGIN + signed + _END).format(
        model=made.model,
        adapter=made.adapter.removeprefix("sha256:"),
        entry=entry_name(index),
        proof=proof_name(index),
        fingerprint=load_key(vkey).fingerprint,
    )
    return text.encode("ascii")
