/** The plain service. It does nothing about signals. */
import { makeService } from "./service.ts";

makeService().listen();
