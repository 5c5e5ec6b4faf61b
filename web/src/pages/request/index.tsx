import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { Card } from "../../ui/Card";
import { RequestDetail } from "../../ui/request/RequestDetail";

/** One request on a page of its own, for an address to pass on. */
export function Page() {
  const { id } = useParams({ from: "/shell/requests/$id" });
  const { tab } = useSearch({ strict: false });
  const navigate = useNavigate();
  return (
    <Card>
      <RequestDetail key={id} id={id} tab={tab} onTab={(next) => void navigate({ to: ".", search: (before: object) => ({ ...before, tab: next }), replace: true } as never)} />
    </Card>
  );
}
