// Asks Sigstore's JavaScript verifier about our proofs and checkpoints.
//
// Usage: node verify.js FOLDER, where FOLDER/node_modules holds @sigstore/verify. Reads one question per line (see
// cases.py) and answers each with "yes" or "no: why".
'use strict';

const crypto = require('crypto');
const path = require('path');
const readline = require('readline');

const tlog = path.join(process.argv[2], 'node_modules', '@sigstore', 'verify', 'dist', 'tlog');
const { verifyMerkleInclusion } = require(path.join(tlog, 'merkle.js'));
const { verifyCheckpoint } = require(path.join(tlog, 'checkpoint.js'));

const bytes = (text) => Buffer.from(text, 'base64');

const ask = {
  inclusion: (q) =>
    verifyMerkleInclusion(
      {
        canonicalizedBody: bytes(q.entry),
        inclusionProof: { logIndex: String(q.index), hashes: q.proof.map(bytes) },
      },
      { logSize: BigInt(q.size), logHash: bytes(q.root) },
    ),
  checkpoint: (q) =>
    verifyCheckpoint({ inclusionProof: { checkpoint: { envelope: bytes(q.note).toString('utf8') } } }, [
      {
        logID: bytes(q.key_id),
        baseURL: `https://${q.vkey.split('+')[0]}`,
        publicKey: crypto.createPublicKey({ key: bytes(q.spki), format: 'der', type: 'spki' }),
      },
    ]),
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  try {
    const question = JSON.parse(line);
    ask[question.kind](question);
    console.log('yes');
  } catch (error) {
    console.log(`no: ${error.message}`);
  }
});
