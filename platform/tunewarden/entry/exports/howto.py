"""`HOWTO-VERIFY.txt`: how to verify this very bundle with unzip, sha256sum and openssl, and with the auditor's tool.

Lines that begin with four spaces are commands; the tests run them with sh on a bundle of the platform, and see what was
altered fail. They are written without braces, which `str.format` would take for its own.
"""

from tunewarden.domain.events import ModelRegistered
from tunewarden.entry.report.facts import only
from tunewarden.usecases.reports import Lineage
from tunewarden_audit.bundle import entry_name
from tunewarden_audit.note import load_key

_BEGIN = """\
How to verify this bundle: {model}

The quick way, with the auditor's tool (it needs Python 3.10 or later and the library cryptography, and no network):
  pip install tunewarden-audit
  tunewarden-audit verify BUNDLE --key VKEY [--since CHECKPOINT] [--witness VKEY]

The rest of this page is the same by hand, with unzip, sha256sum and openssl 3. Set BUNDLE to the file and VKEY to the
log's public key; if that was changed, to the newest. Take it from the log's owner over another channel than this
bundle. Of the key in vkey.txt the fingerprint, to be compared over the telephone or on paper, is
  {fingerprint}
Run the commands in the order in which they stand, in one shell (any sh) and in an empty folder. Each must succeed.

1. The files are the ones that the manifest lists, and there is no other.

    unzip -q "$BUNDLE" -d bundle && cd bundle
    sha256sum --check --strict --quiet MANIFEST.sha256
    test "$(find . -type f | wc -l)" -eq $(($(wc -l < MANIFEST.sha256) + 1))

2. The log signed the tree head: "Signature Verified Successfully". (The fixed bytes make an Ed25519 public key of the
   last 32 bytes of the vkey, RFC 8410.)

    sed '/^$/,$d' checkpoint > ../head
    sed '1,/^$/d' checkpoint | head -n 1 | cut -d' ' -f3 | base64 -d | tail -c 64 > ../head.sig
    printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000' > ../log.der
    printf %s "$VKEY" | cut -d+ -f3- | base64 -d | tail -c 32 >> ../log.der
    openssl pkeyutl -verify -pubin -keyform DER -inkey ../log.der -rawin -in ../head -sigfile ../head.sig
    test "$(sed -n 1p ../head)" = "$(printf %s "$VKEY" | cut -d+ -f1)"

3. Every entry is in the log at the index in its name: "every entry is in the log". The hashes in its proof lead from
   the hash of its leaf to the root, which is line 3 of the tree head (RFC 9162 section 2.1.3.2).

    size=$(sed -n '2s/^\\([0-9]*\\)$/\\1/p' ../head) wrong=
    for entry in $(ls entries); do
      position=$(echo "$entry" | sed -n 's/^0*\\([0-9][0-9]*\\)\\.json$/\\1/p')
      last=$((size - 1))
      test "$position" -le "$last" || wrong="$wrong $entry"
      (printf '\\000'; cat "entries/$entry") | openssl dgst -sha256 -binary > ../hash
      for sibling in $(sed 's/.*\\[\\(.*\\)\\].*/\\1/; s/[",]/ /g' "proofs/$entry"); do
        test "$last" -gt 0 || wrong="$wrong $entry"
        echo "$sibling" | base64 -d > ../sibling
        if test $((position % 2)) -eq 1 || test "$position" -eq "$last"; then
          (printf '\\001'; cat ../sibling ../hash) | openssl dgst -sha256 -binary > ../parent
          while test $((position % 2)) -eq 0 && test "$position" -gt 0; do
            position=$((position / 2)) last=$((last / 2))
          done
        else
          (printf '\\001'; cat ../hash ../sibling) | openssl dgst -sha256 -binary > ../parent
        fi
        mv ../parent ../hash
        position=$((position / 2)) last=$((last / 2))
      done
      test "$last" -eq 0 && test "$(base64 < ../hash)" = "$(sed -n 3p ../head)" || wrong="$wrong $entry"
    done
    test -z "$wrong" && echo "every entry is in the log" || (echo "not in the log:$wrong"; false)
"""

_SIGNED = """
4. The entry that registers the model names the adapter and the three attestations.

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

7. The adapter is not in the bundle; the platform gives it at /v1/models/{model}/adapter while an alias names it. Put it
   alone into a folder `adapter` beside `bundle`, named adapter.safetensors. The second command is from the package
   model-signing (OpenSSF Model Signing).

    echo "{adapter}  ../adapter/adapter.safetensors" | sha256sum --check --quiet
    model_signing verify key ../adapter --signature attestations/model.sig --public_key attestations/release-key.pem
"""

_UNSIGNED = """
4. There are no attestations: this model was registered before releases were signed.
"""

_WITNESS = """
{number}. If you know a witness whose name is in a later line of `checkpoint`: set WITNESS to its public key. It signed
   the tree head and the time at which it saw it (C2SP tlog-cosignature): "Signature Verified Successfully".

    name=$(printf %s "$WITNESS" | cut -d+ -f1)
    sed '1,/^$/d' checkpoint | grep -F " $name " | cut -d' ' -f3 | base64 -d > ../cosignature
    seconds=$(printf %d "0x$(od -An -tx1 -j4 -N8 ../cosignature | tr -d ' \\n')")
    (printf 'cosignature/v1\\ntime %s\\n' "$seconds"; cat ../head) > ../cosigned
    tail -c 64 ../cosignature > ../cosigned.sig
    printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000' > ../witness.der
    printf %s "$WITNESS" | cut -d+ -f3- | base64 -d | tail -c 32 >> ../witness.der
    openssl pkeyutl -verify -pubin -keyform DER -inkey ../witness.der -rawin -in ../cosigned -sigfile ../cosigned.sig
"""

_END = """
What this does not show: that the log holds nothing else about this model, that what was logged is true, or that
everybody was shown the same log. Keep the file `checkpoint`: with --since it shows a log that was cut or rewritten
afterwards. report.html, model-card.md and ml-bom.cdx.json are reading aids; the entries are the evidence.
"""


def howto(lineage: Lineage, *, vkey: str) -> bytes:
    """ASCII text; the same lineage and key give the same bytes."""
    made, index = only(lineage.report.model, ModelRegistered), lineage.report.model.index
    attested, number = (_UNSIGNED, 5) if made.release_key is None else (_SIGNED, 8)
    text = (_BEGIN + attested + _WITNESS + _END).format(
        model=made.model,
        adapter=made.adapter.removeprefix("sha256:"),
        entry=entry_name(index),
        fingerprint=load_key(vkey).fingerprint,
        number=number,
    )
    return text.encode("ascii")
