"""Every error that a person can meet: its code, its words, its exit status, and what to do next.

This module is pure. An error is raised with a code and parameters; the API carries both as JSON (`Problem`), the command line turns them
into a sentence of the reader's language. The msgids are English; `locale/` has the French. Placeholders are filled by `str.format`.

    DcctlError            anything with a code
    ├── NotVisible        what one may not see does not exist
    ├── QuotaShort        a demand beyond the envelope, every shortfall named
    ├── SpecRefused       a spec with faults, all of them
    ├── CloudError        OpenStack refused, failed or did not answer
    └── EngineError       the Pulumi engine failed

Code ranges: 0xx usage and client, 1xx identity and visibility, 2xx quota and policy, 3xx requests and environments, 4xx OpenStack and engine,
5xx dcctl itself and the ledger, 6xx asking and deciding.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcctl.words import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known about a code: exit status of the command line, HTTP status, sentence, next step, longer explanation."""

    exit: int
    http: int
    text: str
    next: str = ""
    explain: str = ""


#: Exit status: 1 failed, 2 usage, 3 not authenticated or allowed, 4 OpenStack or engine, 5 quota or policy, 6 not found, 8 cancelled,
#: 9 timeout (work goes on), 10 waiting for a decision.
CATALOGUE: dict[str, Entry] = {
    # -- usage and client
    "DCCTL-001": Entry(exit=2, http=422, text=N_("{faults} fault(s) in {source}; nothing was sent."),
                       next=N_("Correct them and submit again."),
                       explain=N_("A spec is checked as a whole: every fault is listed with its line and with what is allowed there.")),
    "DCCTL-002": Entry(exit=2, http=422, text=N_("{field}: {value} is not allowed ({allowed})."),
                       explain=N_("An argument has a value that cannot be right. The sentence names the field and what is allowed.")),
    "DCCTL-003": Entry(exit=2, http=400, text=N_("{path} cannot be read: {reason}."), next=N_("Give the path of a readable file.")),
    "DCCTL-004": Entry(exit=2, http=400, text=N_("Without a terminal, --digest is required: {digest}."),
                       next=N_("dcctl {noun} show {number}, then dcctl {noun} approve {number} --digest {digest} --reason \"…\""),
                       explain=N_("An approval names exactly what it approves. In a script, nobody can be shown the plan and asked, so its digest must be given.")),
    "DCCTL-005": Entry(exit=2, http=400, text=N_("Without a terminal, --confirm {name} is required."),
                       next=N_("The name that is to be typed is {name}."),
                       explain=N_("A severe act asks for the name of what it concerns; --yes is not enough.")),
    "DCCTL-006": Entry(exit=8, http=400, text=N_("Cancelled; nothing was changed.")),
    "DCCTL-007": Entry(exit=9, http=504, text=N_("{what} is still under way after {seconds} s; the work goes on."),
                       next=N_("Follow it: {command}")),
    "DCCTL-008": Entry(exit=10, http=409, text=N_("{number} waits for a decision."), next=N_("Follow it: dcctl request watch {number}")),
    "DCCTL-009": Entry(exit=2, http=400, text=N_("There is no error code {code}."), next=N_("Codes look like DCCTL-201; dcctl explain lists all of them.")),
    "DCCTL-010": Entry(exit=2, http=400, text=N_("The command line cannot be understood: {reason}"), next=N_("dcctl --help shows the commands.")),
    "DCCTL-011": Entry(exit=8, http=400, text=N_("Interrupted while the API was being asked; whether it did what was asked is not known."),
                       next=N_("Look before you repeat it: {command}")),
    # -- identity and visibility
    "DCCTL-101": Entry(exit=3, http=401, text=N_("No cloud is chosen."),
                       next=N_("Name one of clouds.yaml: dcctl --os-cloud NAME …, or set OS_CLOUD. Known here: {known}."),
                       explain=N_("dcctl finds Keystone, user and scope in clouds.yaml, as the openstack command does.")),
    "DCCTL-102": Entry(exit=3, http=401, text=N_("Keystone refused the user name, the password or the scope of the cloud {cloud}."),
                       next=N_("Check the entry in {file}."),
                       explain=N_("Keystone does not say which of the three it is. A person without a role in the scope is refused like one with a wrong password.")),
    "DCCTL-103": Entry(exit=3, http=401, text=N_("The token has expired or was revoked."), next=N_("Repeat the command; a new token will be asked for.")),
    "DCCTL-104": Entry(exit=4, http=503, text=N_("Keystone does not answer at {url}."), next=N_("Check the network, then repeat the command; nothing was changed.")),
    "DCCTL-105": Entry(exit=4, http=503, text=N_("dcctl's API does not answer at {url}."), next=N_("Repeat the command in a moment; a submit that was lost is resumed with the same key.")),
    "DCCTL-106": Entry(exit=3, http=403, text=N_("Your roles ({roles}) do not allow this: {action}."), next=N_("It needs {needed}. See dcctl whoami."),
                       explain=N_("dcctl's own roles decide: dc_agent asks, dc_lead decides for an administration, dc_operator runs the datacenter, dc_auditor reads. Keystone's admin and manager give nothing here.")),
    "DCCTL-107": Entry(exit=6, http=404, text=N_("There is no {kind} {name}."), next=N_("{hint}"),
                       explain=N_("What one may not see answers like what does not exist.")),
    "DCCTL-108": Entry(exit=4, http=503, text=N_("Keystone's catalogue has no service of type self-service."), next=N_("Tell the datacenter's operators; they register it with dcctl-manage bootstrap.")),
    "DCCTL-109": Entry(exit=3, http=401, text=N_("The cloud {cloud} is not in {file}."), next=N_("Known there: {known}.")),
    "DCCTL-110": Entry(exit=3, http=401, text=N_("The cloud {cloud} cannot be used: {reason}."), next=N_("Check the entry in {file}.")),
    "DCCTL-111": Entry(exit=4, http=503, text=N_("The answer of dcctl's API at {url} was lost; whether it did what was asked is not known."),
                       next=N_("Look before you repeat it: {command}"),
                       explain=N_("The connection broke after the call was sent. A call that changes something is not repeated by itself.")),
    "DCCTL-112": Entry(exit=4, http=502, text=N_("What answers at {url} is not dcctl's API (status {status})."),
                       next=N_("Repeat the command in a moment; if it stays so, tell the datacenter's operators."),
                       explain=N_("A proxy or another service answered in the API's place. Nothing of the answer was used.")),
    "DCCTL-113": Entry(exit=3, http=401, text=N_("The cloud {cloud} lacks {missing}."), next=N_("Complete the entry in {file}; a password belongs in secure.yaml beside it.")),
    # -- quota and policy
    "DCCTL-201": Entry(exit=5, http=409, text=N_("The envelope of {holder} is not enough ({shortfalls})."),
                       next=N_("Ask for less, give back an environment (dcctl environment list), or ask {grantor} for a larger envelope."),
                       explain=N_("Every resource that falls short is named with what was asked and what is available. Nothing was held, nothing was created.")),
    "DCCTL-202": Entry(exit=5, http=409, text=N_("{holder} cannot give this back ({shortfalls})."),
                       next=N_("What is held or allocated must be freed first: dcctl environment list."),
                       explain=N_("An envelope can only be lowered by what is still available in it.")),
    "DCCTL-203": Entry(exit=5, http=409, text=N_("The digest {given} is not the current one ({digest}); nothing was approved."),
                       next=N_("Look again: dcctl request show {number}"),
                       explain=N_("What is to be built has changed since the digest was shown. An approval holds for exactly one digest.")),
    "DCCTL-204": Entry(exit=5, http=409, text=N_("You asked for {number} yourself; somebody else must decide."),
                       explain=N_("Nobody decides on their own request, whatever roles they have.")),
    "DCCTL-205": Entry(exit=5, http=409, text=N_("You have already decided on {number}.")),
    "DCCTL-206": Entry(exit=5, http=409, text=N_("The datacenter's pool is not enough ({shortfalls})."),
                       next=N_("See dcctl capacity show; operators declare more with dcctl capacity declare.")),
    "DCCTL-207": Entry(exit=5, http=422, text=N_("The offer {offer} does not allow this ({reason})."), next=N_("See dcctl offer show {offer}.")),
    # -- requests, environments, operations
    "DCCTL-301": Entry(exit=1, http=409, text=N_("{number} is {state}: {action} is not possible."), next=N_("Possible now: {possible}.")),
    "DCCTL-302": Entry(exit=1, http=409, text=N_("{administration} already has an environment or a pending request named {name}."), next=N_("Choose another name, or see dcctl environment list.")),
    "DCCTL-303": Entry(exit=2, http=409, text=N_("The key {key} was already used for another request."), next=N_("Use a new key for a new request.")),
    "DCCTL-304": Entry(exit=2, http=409, text=N_("{given} is not the name of what would be destroyed ({name}); nothing was done.")),
    "DCCTL-305": Entry(exit=1, http=409, text=N_("{name} is {state}: {action} is not possible."), next=N_("Possible now: {possible}.")),
    "DCCTL-306": Entry(exit=1, http=409, text=N_("{administration} exists already.")),
    "DCCTL-307": Entry(exit=4, http=409, text=N_("{number} failed: {reason}"), next=N_("dcctl operation retry {operation} continues; dcctl operation abandon {operation} gives back.")),
    "DCCTL-308": Entry(exit=2, http=422, text=N_("The examination of {number} found {faults} fault(s) in its spec; what it held is given back."),
                       next=N_("Take it back (dcctl request withdraw {number}), correct the spec, submit again."),
                       explain=N_("When a request is examined, every name of its spec is looked up in OpenStack. What has vanished since, or could not be asked before, is found then.")),
    "DCCTL-310": Entry(exit=1, http=409, text=N_("The spec is what {name} is already; there is nothing to change."),
                       next=N_("What is otherwise in the cloud is brought back by dcctl environment repair {name}.")),
    "DCCTL-311": Entry(exit=5, http=409, text=N_("{name} would last until {until}; the offer {offer} lets it last until {most}."),
                       next=N_("Ask for less, or again when more of its time has passed."),
                       explain=N_("An extension is counted from the present end of an environment (from today when that has passed). The end may not be further from today than the offer's longest duration.")),
    "DCCTL-312": Entry(exit=1, http=409, text=N_("{number} ({kind}) is {state} and works on {name} too: {action} is not possible meanwhile."),
                       next=N_("Wait for its end (dcctl request watch {number}), or take it back (dcctl request withdraw {number}); what has failed is retried or abandoned."),
                       explain=N_("One change of an environment at a time: the plan of a second one would be about something that the first makes different.")),
    "DCCTL-313": Entry(exit=5, http=409, text=N_("This change of {name} would destroy data: {volumes}; nothing was asked for."),
                       next=N_("To keep them, leave kept_volumes out of the spec, or name them there; to destroy them, say so with the environment's name: --confirm {name}"),
                       explain=N_("Volumes are protected. One whose server goes is kept and counted, unless the spec's kept_volumes leaves it out; then it goes when whoever asks types the environment's name, and whoever approves does so too.")),
    "DCCTL-314": Entry(exit=5, http=409, text=N_("{number} destroys, replaces or lessens something of {name} ({things}); nothing was approved."),
                       next=N_("If that is meant, say so with the environment's name: --confirm {name}"),
                       explain=N_("What cannot be undone needs the name of the environment, typed by whoever approves it.")),
    # -- OpenStack and engine
    "DCCTL-401": Entry(exit=4, http=502, text=N_("{service} refused {action} ({status}): {words}"), explain=N_("The service's own words are shown as it gave them.")),
    "DCCTL-402": Entry(exit=4, http=503, text=N_("{service} does not answer: {words}"), next=N_("It may be retried.")),
    "DCCTL-403": Entry(exit=4, http=502, text=N_("The limits of {project} could not be written: {results}"), next=N_("dcctl operation retry continues once the cause is gone.")),
    "DCCTL-404": Entry(exit=4, http=502, text=N_("The engine failed on {resource}: {words}")),
    "DCCTL-405": Entry(exit=4, http=502, text=N_("The engine wanted to do what the plan does not contain: {steps}"), explain=N_("An approval binds to a plan. Anything outside of it stops the operation before it is done.")),
    "DCCTL-406": Entry(exit=4, http=409, text=N_("{environment} cannot be emptied: {things}"), next=N_("Remove what is named, or ask its owner to; then dcctl operation retry {operation}.")),
    "DCCTL-407": Entry(exit=4, http=409, text=N_("The stack {stack} is locked by a run that has not ended."), next=N_("dcctl operation show tells which; then dcctl operation retry.")),
    "DCCTL-408": Entry(exit=4, http=503, text=N_("The copy of OpenStack's catalogue is not there yet."), next=N_("Repeat in a moment; dcctl status shows the age of each source.")),
    "DCCTL-409": Entry(exit=4, http=502, text=N_("The worker's machine lacks this: {why} ({path})."),
                       next=N_("Tell the datacenter's operators; once it is installed, dcctl operation retry continues."),
                       explain=N_("The engine, its provider or the file with its passphrase are not where the worker's settings say.")),
    "DCCTL-410": Entry(exit=4, http=502, text=N_("{operation} was broken off {times} times and is not taken up again by itself."),
                       next=N_("Look at the worker's log for what was killed, then: dcctl operation retry {operation}"),
                       explain=N_("A run whose worker, engine or provider is killed is taken up again by whoever gets its environment next. What is killed each time may be killed by its own doing, so this ends.")),
    "DCCTL-411": Entry(exit=4, http=503, text=N_("The database of the engine's state has no fence."), next=N_("On the server: dcctl-manage db upgrade; then dcctl operation retry."),
                       explain=N_("A table and a trigger in that database refuse the writes of a run that has lost its environment. Without them nothing is begun.")),
    "DCCTL-412": Entry(exit=4, http=503, text=N_("The database of the engine's state does not answer."), next=N_("Once it is back: dcctl operation retry.")),
    "DCCTL-413": Entry(exit=4, http=503, text=N_("The fence of the engine's state cannot be put up: {words}."),
                       next=N_("The role of engine.backend needs the right to make tables in that database, as the engine itself does; then repeat: dcctl-manage db upgrade")),
    "DCCTL-420": Entry(exit=4, http=409, text=N_("Data of {environment} are gone from OpenStack: {things}. Nothing was made in their place."),
                       next=N_("Find out who deleted them, and restore them under the same name, or ask the datacenter's operators; then dcctl operation retry."),
                       explain=N_("A volume that dcctl made for data is not there any more. An empty one of the same name would hide the loss, so the operation stops. Operators may let the loss be forgotten: dcctl operation repair.")),
    "DCCTL-421": Entry(exit=4, http=409, text=N_("In {environment} there are several things where there should be one: {things}."),
                       next=N_("Delete or rename what is too much, then dcctl operation retry."),
                       explain=N_("They carry the environment's name and mark, and may hold data of somebody: dcctl does not choose.")),
    "DCCTL-422": Entry(exit=4, http=409, text=N_("Something broken in {environment} cannot be deleted: {things}"),
                       next=N_("Remove what is named, then dcctl operation retry."),
                       explain=N_("A run was interrupted and left this half made. It has to go before it is made again. The services' own words are shown.")),
    "DCCTL-423": Entry(exit=6, http=409, text=N_("There is no certificate of {environment} (it is {state})."),
                       next=N_("It is written when a decommission has destroyed everything: dcctl environment decommission."),
                       explain=N_("A certificate says what was destroyed, when and by whose word. It is written with the end of an environment and stays.")),
    "DCCTL-430": Entry(exit=1, http=409, text=N_("Nothing is known to be otherwise in {name} than it was built."),
                       next=N_("Look anew: dcctl environment drift {name}")),
    "DCCTL-431": Entry(exit=5, http=409, text=N_("{count} plans of {administration} wait for the worker already."), next=N_("Repeat in a moment."),
                       explain=N_("Finding out what would change costs the worker seconds. Those of one administration are found out one after the other.")),
    "DCCTL-660": Entry(exit=1, http=409, text=N_("{name} is being worked on ({operation}); its state cannot be rebuilt now."),
                       next=N_("dcctl operation watch {operation}, then ask again."),
                       explain=N_("The engine's state of an environment is written by one operation at a time.")),
    "DCCTL-661": Entry(exit=1, http=409, text=N_("What is in the cloud of {name} is not what was shown any more; nothing was written."),
                       next=N_("Look again: dcctl operation repair {name}"),
                       explain=N_("A state is rebuilt exactly as it was shown. Something was made, deleted or finished in the meantime.")),
    "DCCTL-662": Entry(exit=2, http=400, text=N_("Without a terminal, --digest is required: {digest}."),
                       next=N_("dcctl operation repair {name} --digest {digest} --reason \"…\""),
                       explain=N_("Rebuilding a state is done exactly as it was shown. In a script nobody can be asked, so the digest must be given.")),
    # -- the servers' own settings
    "DCCTL-440": Entry(exit=1, http=500, text=N_("The settings' file {file} cannot be read: {reason}."),
                       next=N_("Name the file in DCCTL_CONFIG, and let the server's user read it."),
                       explain=N_("The servers read one TOML file, /etc/dcctl/dcctl.toml unless DCCTL_CONFIG names another. A file that is named must be there.")),
    "DCCTL-441": Entry(exit=1, http=500, text=N_("The settings are not in order: {wrong}."),
                       next=N_("Correct them in {file}, or in the variable DCCTL_SECTION__SETTING that overrides it."),
                       explain=N_("Each setting is named with its section, and with what it must be. Nothing is started with settings that are half understood.")),
    "DCCTL-442": Entry(exit=1, http=500, text=N_("The setting {setting} is missing."),
                       next=N_("Write it into the file that DCCTL_CONFIG names; docs/operators.md has an example.")),
    # -- ledger, limits and use
    "DCCTL-560": Entry(exit=5, http=409, text=N_("{region} is in observe: nothing is written to OpenStack ({reason})."),
                       next=N_("Look at each difference (dcctl discrepancy list); then dcctl region mode enforce --reason \"…\""),
                       explain=N_("In observe, dcctl compares ledger, limits and use, and writes nothing. A region gets there by an operator's word, or by itself when the ledger was restored to an earlier state.")),
    "DCCTL-561": Entry(exit=1, http=409, text=N_("{number} is resolved."), next=N_("If the difference comes again, it gets a number of its own: dcctl discrepancy list.")),
    "DCCTL-562": Entry(exit=2, http=422, text=N_("until: {given} is not allowed (a day to come, and only where something is waived)."),
                       next=N_("For example: dcctl discrepancy waive NUMBER --until 2030-01-31 --reason \"…\"")),
    "DCCTL-563": Entry(exit=1, http=500, text=N_("The worker's file {path} cannot be used: {reason}."),
                       next=N_("Give the worker a directory that it may write (worker.state_dir); the file may be removed when it is damaged."),
                       explain=N_("The worker remembers there how far the ledger had come, so that a restored database is noticed.")),
    # -- asking and deciding
    "DCCTL-600": Entry(exit=5, http=409, text=N_("{number} has all the approvals that it needs of {role}; still missing: {missing}."),
                       next=N_("Whose word is missing: dcctl request show {number}; why: dcctl policy show"),
                       explain=N_("The policy says whose decisions a request needs. Nobody's second approval stands in for somebody else's.")),
    "DCCTL-601": Entry(exit=3, http=403, text=N_("An emergency is declared by an operator who approves (your roles: {roles}; {action})."),
                       next=N_("Without --emergency the request waits for those whom it needs: dcctl request show {number}"),
                       explain=N_("In an emergency an operator may approve alone, with a reason. The decision is marked, and stays open until somebody else has reviewed it.")),
    "DCCTL-602": Entry(exit=2, http=422, text=N_("More than {number} asks for cannot be granted ({beyond})."),
                       next=N_("Grant as much or less; for more, the requester asks anew.")),
    "DCCTL-603": Entry(exit=5, http=409, text=N_("{administration} is now below {parent} and no longer below {was}, which was to pay for {number}; nothing was granted."),
                       next=N_("Return it, so that it is asked anew: dcctl request return {number} --reason \"…\"")),
    "DCCTL-604": Entry(exit=2, http=409, text=N_("{number} is about {was}; an edited request stays about the same."),
                       next=N_("Take it back and ask anew: dcctl request withdraw {number}")),
    "DCCTL-605": Entry(exit=2, http=422, text=N_("What was sent does not fit {number} ({kind})."),
                       next=N_("A spec for an environment or a change, --duration for an extension, amounts for an envelope.")),
    "DCCTL-606": Entry(exit=2, http=422, text=N_("Nothing would be left of {number}."), next=N_("Refuse it: dcctl request refuse {number} --reason \"…\"")),
    "DCCTL-607": Entry(exit=5, http=409, text=N_("Of {number} ({kind}) you cannot grant less: there is no less of it, or somebody else gives it."),
                       next=N_("Return it with what should change: dcctl request return {number} --reason \"…\"")),
    "DCCTL-609": Entry(exit=2, http=400, text=N_("Without a terminal, --digest is required: {digest}."),
                       next=N_("dcctl request show {number}, then dcctl request accept {number} --digest {digest}"),
                       explain=N_("A yes names exactly what is granted. In a script, nobody can be shown it and asked, so its digest must be given.")),
    "DCCTL-608": Entry(exit=5, http=409, text=N_("You decided on {number} yourself; somebody else must review it."),
                       explain=N_("A decision in an emergency stays open until another operator, an auditor or a lead of the administration has reviewed it.")),
    "DCCTL-610": Entry(exit=6, http=404, text=N_("No letter {number} is handed or given up."), next=N_("Which there are: dcctl-manage letters list")),
    "DCCTL-611": Entry(exit=5, http=409, text=N_("Letter {number} may be on its way at this moment."), next=N_("Repeat in {seconds} s."),
                       explain=N_("A letter is handed from its last byte until the mail server has answered. Only what is handed for longer than any answer takes has an end that nobody knows.")),
    "DCCTL-612": Entry(exit=5, http=409, text=N_("{address} gets no more letters of {administration}, so letter {number} is not sent."),
                       next=N_("Drop it: dcctl-manage letters drop {number} --reason \"…\""),
                       explain=N_("What an administration's contact was told is not told to somebody who is none any more.")),
    "DCCTL-613": Entry(exit=2, http=400, text=N_("What is known of the letter must be said."), next=N_("What did the mail server's log say? --reason \"…\""),
                       explain=N_("A letter that is sent again may arrive twice, one that is dropped never. The audit trail keeps who decided that, and why.")),
    "DCCTL-614": Entry(exit=4, http=429, text=N_("Too many calls from {name}: an administration has {a_minute} a minute, {at_once} at a time."),
                       next=N_("Repeat in {seconds} s; nothing was done."),
                       explain=N_("So that one administration's many people, or its scripts, leave room for the others.")),
    "DCCTL-615": Entry(exit=5, http=409, text=N_("The facts that you were shown for {number} ({given}) are not the present ones ({digest}); nothing was decided."),
                       next=N_("Look again: dcctl request show {number}"),
                       explain=N_("Whoever decides names the digest of the facts that they saw, and exactly those are kept with the decision. Somebody had them looked at anew meanwhile.")),
    "DCCTL-616": Entry(exit=3, http=403, text=N_("{number} was asked for by {requester}; they answer to what is granted."),
                       next=N_("Somebody else of the administration can take it back: dcctl request withdraw {number}"),
                       explain=N_("Less was granted than was asked. Only whoever asked, or edited the request, says yes or no to that; nobody who decided on it does.")),
    "DCCTL-617": Entry(exit=4, http=429, text=N_("Too many tokens that Keystone does not know came from {address}."), next=N_("Repeat in {seconds} s; nothing was done."),
                       explain=N_("Each token that is not known yet is asked of Keystone. From an address that sent many false ones, only some are, so that a flood does not reach Keystone; a token that was right a moment ago goes on.")),
    "DCCTL-618": Entry(exit=2, http=422, text=N_("The servers, volumes and addresses of {number} would not fit in so little (at least: {least})."),
                       next=N_("Grant that much, or return it with what should change: dcctl request return {number} --reason \"…\""),
                       explain=N_("Less of a quota can be granted as far as what is to be built still fits in it. Other servers are another request, which whoever asked edits.")),
    # -- dcctl itself
    "DCCTL-500": Entry(exit=1, http=500, text=N_("Something unforeseen happened in dcctl (reference {reference})."), next=N_("Give the reference to the datacenter's operators; their log has the details.")),
    "DCCTL-501": Entry(exit=4, http=503, text=N_("dcctl's database does not answer."), next=N_("Repeat in a moment; nothing was changed.")),
    "DCCTL-540": Entry(exit=1, http=500, text=N_("Entry {entry} (position {position}) of the ledger is wrong: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl quota export FILE), and tell the datacenter's auditor."),
                       explain=N_("content: the entry is not what was hashed. chain, position, missing: entries were changed, moved or taken away. account: it names accounts that are not its own, or whose an account is was changed. overdrawn: it takes what is not there. hold: it ends a hold that is not open. Behind the word: what is stored, what it should be.")),
    "DCCTL-541": Entry(exit=1, http=500, text=N_("The chain does not lead to the checkpoint at position {position}: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl quota export FILE), and tell the datacenter's auditor."),
                       explain=N_("checkpoint: the ledger was written anew before that position. cut: it ends before. signature: a recorded checkpoint was not signed by the key. A ledger that was restored from a backup ends before it, too.")),
    "DCCTL-542": Entry(exit=1, http=500, text=N_("This is no whole export of a ledger (after position {position}: {detail})."), next=N_("Export it again: dcctl quota export FILE")),
    "DCCTL-543": Entry(exit=2, http=400, text=N_("{path} cannot be used: {reason}."), next=N_("Checkpoints and keys are made by dcctl-manage checkpoint.")),
    "DCCTL-544": Entry(exit=1, http=409, text=N_("Nothing of the ledger is sealed yet, so there is nothing to sign."), next=N_("The worker seals within a second once database.sealer is set.")),
    "DCCTL-545": Entry(exit=1, http=500, text=N_("A stored balance is not what the entries add up to ({detail})."), next=N_("Keep the export (dcctl quota export FILE), and tell the datacenter's auditor."),
                       explain=N_("Every balance and every open hold is rebuilt from the entries. Named are holder, region, resource and place, then what is stored and what the entries say.")),
    "DCCTL-680": Entry(exit=2, http=400, text=N_("Why the chain is followed anew must be said."), next=N_("Say what was restored, and who knows of it: --reason \"…\""),
                       explain=N_("dcctl-manage ledger follow-again ends the alert of a broken chain. The auditor reads the reason with the account that gave it.")),
    "DCCTL-550": Entry(exit=10, http=409, text=N_("{number} waits for a second operator ({over})."),
                       next=N_("Another operator decides: dcctl act show {number}, dcctl act approve {number} --reason \"…\""),
                       explain=N_("Beyond what one operator may move alone (the site's setting) an act is written down and holds nothing. A second operator approves it; everything is checked again then.")),
    "DCCTL-551": Entry(exit=5, http=409, text=N_("The digest {given} is not that of {number} ({digest}); nothing was approved."), next=N_("Look again: dcctl act show {number}"),
                       explain=N_("An approval names exactly what it approves: the act's number, what it moves, its reason and its document.")),
    "DCCTL-552": Entry(exit=5, http=409, text=N_("{holder} cannot give this back ({shortfalls}); administrations below it have {children}."),
                       next=N_("Take it back from them first: dcctl quota revoke ADMINISTRATION RESOURCE=AMOUNT …"),
                       explain=N_("What an administration has granted to others below it is no longer its own to give back.")),
    "DCCTL-553": Entry(exit=5, http=409, text=N_("These envelopes are more than there is ({shortfalls}); nothing was posted."),
                       next=N_("Lower them in the file, or enlarge first what pays for them: dcctl capacity declare …, dcctl quota grant …"),
                       explain=N_("A file is posted whole or not at all. Every payer that falls short is named with what was asked and what is available, and with who can grant it more.")),
    "DCCTL-554": Entry(exit=5, http=409, text=N_("These envelopes were imported already: {number} is {state}; nothing was posted."),
                       next=N_("See dcctl act show {number}; --again posts them a second time."),
                       explain=N_("A file is recognised by the digest of what it grants, whatever its name, its layout or the order of its lines.")),
    "DCCTL-555": Entry(exit=5, http=409, text=N_("Entry {entry} is itself the reversal of entry {original}; a reversal is not reversed."),
                       next=N_("Post what is right: dcctl quota grant …, dcctl quota revoke …")),
    "DCCTL-556": Entry(exit=5, http=409, text=N_("Entry {entry} cannot be corrected: {why}."), next=N_("See dcctl quota history."),
                       explain=N_("What operators declared, granted or took back can be corrected, once. What a request held or obtained is released or freed by the request's own steps.")),
    "DCCTL-557": Entry(exit=5, http=409, text=N_("Correcting entry {entry} takes more than there is ({shortfalls}); nothing was posted."),
                       next=N_("What was given is in use by now: free it first, or correct less.")),
    "DCCTL-558": Entry(exit=5, http=409, text=N_("{administration} is now below {parent}, which is not whom {number} was to draw on; nothing was posted."),
                       next=N_("Refuse it and ask anew: dcctl act refuse {number} --reason \"…\"")),
    "DCCTL-559": Entry(exit=5, http=409, text=N_("{administration} cannot leave {parent}: of what it was granted there, this is still out: {children}."),
                       next=N_("Give back what environments have, then dcctl quota revoke; after the move the new parent grants anew."),
                       explain=N_("A move of an administration moves no balance. What its parent was granted would no longer be what all below the parent have, so nothing may be out when it goes.")),
    # -- proof: audit trail, letters, abuse
    "DCCTL-630": Entry(exit=1, http=500, text=N_("Event {entry} (position {position}) of the audit trail is wrong: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl audit export FILE), and tell the datacenter's auditor."),
                       explain=N_("content: the event is not what was hashed. chain, position, missing: events were changed, moved or taken away. Behind the word: what is stored, what it should be.")),
    "DCCTL-631": Entry(exit=1, http=500, text=N_("The audit trail does not lead to the checkpoint at position {position}: {finding} ({detail})."),
                       next=N_("Keep the export (dcctl audit export FILE), and tell the datacenter's auditor."),
                       explain=N_("checkpoint: the trail was written anew before that position. cut: it ends before. signature: a recorded checkpoint was not signed by the key.")),
    "DCCTL-632": Entry(exit=1, http=500, text=N_("This is no whole export of an audit trail (after position {position}: {detail})."), next=N_("Export it again: dcctl audit export FILE")),
    "DCCTL-633": Entry(exit=1, http=409, text=N_("No checkpoint of that key is in the export, so it proves nothing against who can write all of it."),
                       next=N_("Have one made (dcctl-manage checkpoint sign --chain audit), or give one that you keep: --checkpoint FILE"),
                       explain=N_("A chain alone proves nothing against the host's administrator, who can compute every hash anew. A checkpoint signed elsewhere binds it.")),
    "DCCTL-634": Entry(exit=5, http=409, text=N_("{administration} has {most} contacts already."), next=N_("Remove one first: dcctl administration contact remove {administration} ADDRESS"),
                       explain=N_("Each letter goes to every contact. A mailing list of the administration's own reaches more people.")),
    "DCCTL-640": Entry(exit=4, http=429, text=N_("Too many calls: one person has {a_minute} a minute, {at_once} at a time."), next=N_("Repeat in {seconds} s; nothing was done."),
                       explain=N_("So that whoever asks in a loop leaves room for others. A script waits as long as the answer's Retry-After says; watching with dcctl request watch costs little.")),
    "DCCTL-641": Entry(exit=5, http=409, text=N_("{administration} has {count} requests that have not ended; {most} are the most."),
                       next=N_("Decide on them or take them back first: dcctl request list --administration {administration}"),
                       explain=N_("Each open request holds a part of the envelope and somebody's attention. The site's setting api.open_requests says how many an administration may have.")),
    "DCCTL-502": Entry(exit=1, http=413, text=N_("The request is too large ({size} bytes; at most {allowed})."),
                       next=N_("Send less: a spec needs some kilobytes, a file of envelopes can be cut into several."),
                       explain=N_("The size of a body is bounded (api.max_body_bytes), and looked at before anything else is.")),
}  # fmt: skip


class DcctlError(Exception):
    """An error with a code of `CATALOGUE` and the parameters of its sentence.

    `params` are JSON-able values; lists and mappings are turned into words where they are shown (dcctl.words.render).
    """

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params: dict[str, Any] = params

    @property
    def entry(self) -> Entry:
        return CATALOGUE[self.code]

    def __str__(self) -> str:
        from dcctl.words import render_error

        return render_error(self.code, self.params)

    def to_json(self) -> dict[str, Any]:
        """`{"code", "params"}`, as it travels and as it is stored."""
        return {"code": self.code, "params": self.params}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "DcctlError":
        """The error that `to_json` wrote; an unknown code (a newer server) becomes DCCTL-500 with the code as reference."""
        code, params = str(document.get("code", "")), dict(document.get("params") or {})
        if code not in CATALOGUE:
            return cls("DCCTL-500", reference=code or "?")
        return _CLASSES.get(code, cls)._of(code, params)

    @classmethod
    def _of(cls, code: str, params: dict[str, Any]) -> "DcctlError":
        error = cls.__new__(cls)
        DcctlError.__init__(error, code, **params)
        return error


class NotVisible(DcctlError):
    """It does not exist, or the reader may not see it: the same answer."""

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        super().__init__("DCCTL-107", kind=kind, name=name, hint=hint)


class QuotaShort(DcctlError):
    """A demand beyond an envelope; `shortfalls` are `{"resource", "asked", "available"}`, with holder and grantor each where there are several."""

    def __init__(self, holder: str, shortfalls: Iterable[Mapping[str, Any]], *, grantor: str, code: str = "DCCTL-201", **more: Any) -> None:
        super().__init__(code, holder=holder, shortfalls=[dict(s) for s in shortfalls], grantor=grantor, **more)


class SpecRefused(DcctlError):
    """A spec with faults; each is `{"path": [...], "code": "spec.…", "params": {...}}`, the line is the client's to add.

    With `number` they are those of a request that was submitted already (308).
    """

    def __init__(self, faults: Iterable[Mapping[str, Any]], *, source: str = "spec", number: str | None = None) -> None:
        found = [dict(f) for f in faults]
        if number is None:
            super().__init__("DCCTL-001", faults=found, source=source)
        else:
            super().__init__("DCCTL-308", faults=found, source=source, number=number)


class CloudError(DcctlError):
    """OpenStack refused (401), did not answer (402) or did something else with what it was told (403, 406)."""


class EngineError(DcctlError):
    """The Pulumi engine failed (404), wanted more than the plan (405), found its stack locked (407) or is not there (409)."""


_CLASSES: dict[str, type[DcctlError]] = {
    "DCCTL-001": SpecRefused, "DCCTL-308": SpecRefused, "DCCTL-107": NotVisible, "DCCTL-201": QuotaShort, "DCCTL-202": QuotaShort, "DCCTL-206": QuotaShort, "DCCTL-552": QuotaShort,
    "DCCTL-553": QuotaShort, "DCCTL-557": QuotaShort,
    "DCCTL-401": CloudError, "DCCTL-402": CloudError, "DCCTL-403": CloudError, "DCCTL-406": CloudError,
    "DCCTL-404": EngineError, "DCCTL-405": EngineError, "DCCTL-407": EngineError, "DCCTL-409": EngineError,
    "DCCTL-420": EngineError, "DCCTL-421": EngineError, "DCCTL-422": CloudError,
}  # fmt: skip
