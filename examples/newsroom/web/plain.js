/** What every page has, for a page that has nothing else. */
import "./masthead.js";
import "./footer.js";
import "./ticker.js";
import { goLive } from "./live.js";

goLive();
