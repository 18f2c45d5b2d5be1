import { apiContract } from "./api-contract.fixture.ts";
import { kubeconfigPath, serverName, testNamespace } from "./kubernetes.fixture.ts";

apiContract(`of Kubernetes ${serverName}`, kubeconfigPath !== undefined, () => testNamespace());
