/** Whether bytes are text. Hot file: `bench` rows dist_send_64kb, dist_send_1mb. */
import { isUtf8 } from "node:buffer";

/** So many bytes are looked at here before Node.js looks at all of them. */
const FIRST_BYTES = 32;

export function isText(bytes: Uint8Array): boolean {
  return beginsAsText(bytes) && isUtf8(bytes);
}

/** What is no text shows it in its first bytes nearly always. */
function beginsAsText(bytes: Uint8Array): boolean {
  const end = Math.min(bytes.length, FIRST_BYTES);
  let following = 0;
  for (let at = 0; at < end; at++) {
    const byte = bytes[at] as number;
    if (following > 0) {
      if ((byte & 0xc0) !== 0x80) return false;
      following--;
    } else if (byte > 127) {
      if (byte < 0xc2 || byte > 0xf4) return false;
      following = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
  }
  return true;
}
