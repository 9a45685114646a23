// Who looks, and at whose things. The key stays in this tab.
import { useState } from "preact/hooks";
import { call } from "../api/client";
import { keyWanted, session } from "../base/settings";
import { useStore } from "../base/store";
import { Dialog } from "./dialog";
import { notify } from "./feedback";

export function KeyDialog(props: { onClose: () => void }) {
  const known = useStore(session);
  const why = useStore(keyWanted);
  const [key, setKey] = useState(known.key);
  const [tenant, setTenant] = useState(known.tenant);
  const [refused, setRefused] = useState("");
  const enter = async (event: Event) => {
    event.preventDefault();
    keyWanted.set("");
    session.set({ key: key.trim(), tenant: tenant.trim() });
    try {
      const me = await call("GET /v1/whoami", {});
      notify(`You are ${me.principal}, in tenant ${me.tenant}`);
      props.onClose();
    } catch (error) {
      setRefused((error as Error).message);
    }
  };
  return (
    <Dialog title="Key and tenant" onClose={props.onClose}>
      <form onSubmit={(event) => void enter(event)}>
        {(refused || why) && (
          <p class="hint" role="alert">
            {refused || (known.key ? why : "This server asks who you are.")}
          </p>
        )}
        <label>
          API key, or a token of your identity provider
          <input
            type="password"
            autocomplete="off"
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
          <small>
            Kept in this tab, and forgotten when it is closed. A server for development needs none.
          </small>
        </label>
        <label>
          Tenant
          <input
            value={tenant}
            placeholder="default"
            spellcheck={false}
            onInput={(event) => setTenant(event.currentTarget.value)}
          />
        </label>
        <footer>
          <button type="submit" class="primary">
            Enter
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
