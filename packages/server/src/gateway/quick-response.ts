/**
 * A response whose small answers go out in one write: status line, header lines and body are one string, which the
 * kernel takes as it is.
 *
 *      node:http's `end`    cork · text · nothing, to be told when the text is out · uncork: a vector of two, two ticks
 *      here                 text, and the write tells that it is out
 *
 * node:http's server goes by `finish`: it frees the connection for the next response and starts the timer of an idle
 * one. So `finish` is emitted here as `end` does it, once the text is out, and not at all when the connection is gone.
 */
import { ServerResponse, STATUS_CODES } from 'node:http';

/** What stands above the body, beside its length and the date. Names in small letters, values without line ends. */
export type HeaderLines = Readonly<Record<string, string | number>>;

export class QuickResponse extends ServerResponse {
  /**
   * Answers with `body`, ASCII, where nothing about the connection has to be said or decided: it stays open, its protocol
   * is 1.1, and the method is one whose answers have a body. False, and nothing done, elsewhere.
   */
  answer(status: number, lines: HeaderLines, body: string, nowMs: number): boolean {
    const { socket, req } = this;
    const ordinary = this.shouldKeepAlive && req.httpVersionMinor === 1 && req.method !== 'HEAD';
    if (socket === null || !ordinary || this.headersSent) return false;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ndate: ${httpDate(nowMs)}\r\n`;
    for (const name in lines) text += `${name}: ${lines[name]}\r\n`;
    this.finished = true;
    socket.write(`${text}\r\n${body}`, 'latin1', (error) => {
      if (error === null || error === undefined) this.emit('finish');
    });
    return true;
  }
}

let dateSecond = Number.NaN;
let dateText = '';

/** The time as HTTP spells it, spelled once a second. */
function httpDate(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
